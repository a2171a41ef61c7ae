"""How pages tell of quantities, and of jobs and sites by their names."""

from decimal import Decimal

import pytest

from checkweigh.web.saying import counted, plural
from conftest import added, shift
from web import board, plain


@pytest.mark.parametrize(
    ("unit", "several"),
    [("pair", "pairs"), ("piece", "pieces"), ("box", "boxes"), ("batch", "batches"), ("body", "bodies"), ("tray", "trays"),
     ("foot", "feet"), ("short ton", "short tons"), ("t", "t"), ("km/h", "km/h"), ("kg", "kg"), ("lbs", "lbs"), ("bar", "bar"),
     ("pieces", "pieces"), ("Stück", "Stück"), ("пара", "пара"), ("MWh", "MWh"), ("tonne/hour", "tonne/hour"), ("", "")],
)  # fmt: skip
def test_a_unit_that_is_a_word_has_a_plural_and_a_symbol_has_none(unit, several):
    assert plural(unit) == several


def test_only_one_of_them_is_one():
    told = [counted(Decimal(number), "pair") for number in ("1.000000000", "0", "0.5", "1.5", "1860")]
    assert told == ["1 pair", "0 pairs", "0.5 pairs", "1.5 pairs", "1860 pairs"]
    assert counted("1", "pair") == "1 pair" and counted(None, "pair") == "– pairs" and counted(Decimal(7), "") == "7"


def test_pages_tell_of_many_in_the_plural_and_of_job_and_site_by_name(pit):
    added(pit, "quota", id="ours", job="hew", quantity="8", per="worker", site="north", **{"from": "2025-01-01"})
    added(pit, "shift", **shift("s", quantity="9", hours="6"))
    added(pit, "shift", **shift("t", started="2025-09-01T06:00:00Z", quantity="12", hours="6", worker="bo"))
    with board(pit) as client:
        for path in (
            "/?period=all",
            "/records",
            "/shifts/s",
            "/on-this-day?day=08-31",
            "/trial/s",
            "/quotas",
            "/quotas/hew",
            "/workers/ada",
        ):
            page = plain(client.get(path).text)
            assert "tonnes" in page, path
            assert " 9 tonne " not in page and " 12 tonne " not in page and " 8 tonne " not in page, path
        assert "each worker at North pit" in plain(client.get("/quotas").text)
        beaten = plain(client.get("/shifts/s").text)
        assert "quantity, Hewing" in beaten and "quantity, hew " not in beaten
        added(pit, "site", id="south", name="South pit", industry="coal", timezone="Europe/Moscow")
        added(pit, "worker", id="cy", site="south", **{"from": "2025-01-01"})
        added(pit, "shift", **shift("u", started="2025-09-02T06:00:00Z", quantity="30", worker="cy", site="south"))
        assert "the site North pit : stands" in plain(client.get("/workers/bo").text)
