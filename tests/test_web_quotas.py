"""The pages of the quotas: what is in force on a day, how it was raised and by whom, and who still meets it."""

import re
from decimal import Decimal
from html import unescape
from urllib.parse import quote

from checkweigh.web import saying
from conftest import added, shift
from test_web_shift import EVIL, QUOTA, plain
from web import board


def test_what_is_in_force_depends_on_the_day(demo):
    today = plain(demo.get("/quotas"))
    assert "on 1 January 2026" in today and "Hewing coal 13.96 t a shift" in today and "+99.4 %" in today
    then = plain(demo.get("/quotas?on=1936-12-31"))
    assert "Hewing coal 7 t a shift" in then and "13.96" not in then
    assert "Lasting shoes no quota is in force, so these shifts have no attainment" in today
    before = plain(demo.get("/quotas?on=1934-01-01"))
    assert "Hewing coal no quota is in force" in before
    assert "Hewing coal 7 t" in plain(demo.get("/quotas?at=1936-12-31")), "and the day of what was known is meant"


def test_a_day_that_is_none_is_refused_in_words(demo):
    page = demo.get("/quotas?on=yesterday!")
    assert page.status_code == 400 and "write it like 1936-12-31" in page.text
    assert demo.get("/quotas?on=1936-02-31").status_code == 400


def test_the_history_says_who_raised_it_by_how_much_and_on_what_basis(demo):
    said = plain(demo.get("/quotas/hewing"))
    assert "13.96 t a shift +99.4 % raised from 7: 13.96 ÷ 7 = 1.994285" in said
    assert (
        "From 1 January 1937 . On what basis is not stated." in said
        and "From 1 January 1935 to before 1 January 1937" in said
    )
    assert "entered by account:demonstration and recorded on 5 March 1937" in said and "It judges 5 shifts" in said
    assert said.index("hewing-1937") < said.index("Quota hewing-1935") and "press pages, 2019" in said
    early = plain(demo.get("/quotas/hewing?at=1936-12-31"))
    assert "13.96" not in early and "In force on 31 December 1936: 7 t a shift" in early


def test_a_quota_recorded_after_the_shifts_that_it_judges_is_marked(ledger):
    added(ledger, "shift", **shift("one", hours="6"))
    added(ledger, "quota", **QUOTA, basis="decree", consequence="no premium")
    added(
        ledger,
        "quota",
        id="hard",
        job="hew",
        per="worker",
        worker="ada",
        quantity="6",
        **{"from": "2025-09-01"},
        basis="time study",
    )
    with board(ledger) as client:
        said = plain(client.get("/quotas/hew"))
        assert "recorded after 1 of the shifts that it judges" in said
        assert "Basis: decree. Who misses it: no premium." in said
        assert "Asked of each worker at every site" in said and "Asked of worker ada" in said
        assert said.index("at every site") < said.index("Asked of worker ada")
        assert "1 more name a worker or a crew" in plain(client.get("/quotas"))


def test_the_share_who_meet_it_is_exact(ledger):
    added(ledger, "quota", **QUOTA)
    for name, worker, quantity in (("a", "ada", "7"), ("b", "bo", "6.999999999")):
        added(ledger, "shift", **shift(name, worker=worker, quantity=quantity, hours="6"))
    with board(ledger) as client:
        rows = re.findall(r"<td[^>]*>(.*?)</td>", client.get("/quotas/hew?part=shares&bare=1").text)
        assert rows == ["August 2025", "1", "2", "0.5", "2", "0"]
        page = client.get("/quotas/hew").text
        [spec] = re.findall(r'data-spec="([^"]+)"', page)
        drawn = client.get(unescape(spec)).json()
        assert {row["share"] for rows in drawn["datasets"].values() for row in rows if "share" in row} == {0.5}


def test_the_shares_are_those_of_the_derivation(demo):
    page = demo.get("/quotas/hewing?part=shares&bare=1").text
    for row in demo.live.now().rows("shares", job="hewing"):
        assert (
            f'<td>{row["from"]:%B %Y}</td><td class="number">{row["met"]}</td><td class="number">{row["parties"]}</td>'
            in page
        )


def test_a_job_without_a_quota_says_what_follows(ledger):
    with board(ledger) as client:
        assert "No quota was ever set for this job" in client.get("/quotas/hew").text
        gone = client.get("/quotas/dig")
        assert gone.status_code == 404 and "lists the jobs" in gone.text
        assert "not there yet" in client.get("/quotas/hew?at=1").text
        empty = client.get("/quotas?at=0")
        assert "No job is in the ledger yet" in empty.text


def test_changes_are_said_in_per_cent():
    said = {factor: saying.change(Decimal(factor)) for factor in ("1.994285", "0.5", "1", "0.9995", "12")}
    assert said == {"1.994285": "+99.4 %", "0.5": "−50.0 %", "1": "+0.0 %", "0.9995": "−0.1 %", "12": "+1100.0 %"}
    assert saying.change(None) == ""


def test_what_people_wrote_about_quotas_is_escaped(ledger):
    added(ledger, "job", id=EVIL, name=EVIL, industry="coal", unit="tonne", better="higher")
    added(ledger, "quota", **{**QUOTA, "id": EVIL, "job": EVIL}, consequence=EVIL, note=EVIL)
    with board(ledger) as client:
        for address in ("/quotas", f"/quotas/{quote(EVIL)}", f"/quotas/{quote(EVIL)}?part=shares"):
            page = client.get(address)
            assert page.status_code == 200 and "<script>alert" not in page.text, address
