"""The campaign and this day in other years: figures of the derivations, days as far as they are known, and nobody's private birthday."""

import re
from html import unescape

import pytest

from conftest import added, shift
from web import board, plain


def rows(page, label):
    """The rows of a table, by the name of its region."""
    body = re.search(rf'aria-label="{label}".*?<tbody>(.*?)</tbody>', page, re.S)
    return [
        [plain(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)]
        for row in re.findall(r"<tr.*?</tr>", body[1], re.S)
    ]


def text(value):
    """A figure as pages write it."""
    return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"


@pytest.mark.parametrize("by", ["job", "industry"])
def test_who_met_a_quota_first(demo, by):
    wanted = demo.live.now().rows("spread", period="all", by=by)
    shown = rows(demo.get(f"/campaign?by={by}").text, "Who met a quota first")
    assert [cells[0] for cells in shown] == [row["name"] or row["party"] for row in wanted] != []
    assert [cells[2:] for cells in shown] == [
        [row["first"], str(row["shifts"]), str(row["met"]), text(row["share"]), text(row["best"])] for row in wanted
    ]


def test_the_chart_and_its_numbers_are_the_months(demo):
    page = demo.get("/campaign").text
    numbers = rows(page, "The numbers of the chart")
    assert ["August 1935", "Hewing coal", "1", "1", "1"] in numbers and [
        "September 1935",
        "Forging crankshafts",
        "1",
        "1",
        "1",
    ] in numbers
    address = unescape(re.search(r'data-spec="([^"]+)"', page)[1])
    drawn = [row for part in demo.get(address).json()["datasets"].values() for row in part]
    assert {(row["from"], row["party"]) for row in drawn} >= {
        ("1935-08-01", "Hewing coal"),
        ("1937-03-01", "Hewing coal"),
    }
    by_year = demo.get("/campaign?period=year").text
    assert ["1935", "Driving freight trains", "3", "3", "1"] in rows(by_year, "The numbers of the chart")


def test_a_campaign_says_which_industries_joined(demo):
    page = plain(demo.get("/campaign").text)
    assert "The Stakhanovite movement Its goal: exceed the quota." in page and "coal: 31 August 1935" in page
    assert "automobiles: September 1935" in page and "railroads: 1935" in page, "as far as the day is known"
    assert "timber: no shift with a quota met it yet" in page


def test_a_campaign_page_of_nothing_says_what_to_do_next(ledger):
    with board(ledger) as client:
        page = plain(client.get("/campaign").text)
        assert "No shift has a quota yet." in page and "No campaign is in the ledger." in page
        assert client.get("/campaign?period=day").status_code == 400


def test_the_last_day_of_august(demo):
    page = plain(demo.get("/on-this-day?day=08-31").text)
    said = "102 t, Hewing coal: a record of crews and workers with helpers; it stood for 154 days."
    assert f"1935 Alexei Stakhanov : {said} adjusted shift august" in page
    assert "The campaign “The Stakhanovite movement” began: exceed the quota." in page
    then = plain(demo.get("/on-this-day?day=08-31&at=1936-12-31").text)
    assert "a record of one worker without a stated helper" in then and "adjusted" not in then


def test_births_and_deaths(demo):
    assert "1906 Alexei Stakhanov was born." in plain(demo.get("/on-this-day?day=01-03").text)
    assert "1977 Alexei Stakhanov died." in plain(demo.get("/on-this-day?day=11-05").text)
    assert "was born" not in plain(demo.get("/on-this-day?day=01-03&at=1990-12-31").text), "nobody had told it yet"


def test_a_day_that_is_not_known_to_the_day_is_no_day(demo):
    assert "Dyukanov" not in demo.get("/on-this-day?day=09-01").text, "of his 115 t the month alone is known"


def test_an_empty_day_leads_to_the_next_ones(demo):
    page = demo.get("/on-this-day?day=11-06").text
    assert "Nothing in the book happened on 6 November." in page
    assert next(iter(re.findall(r'href="/on-this-day\?day=([0-9-]+)">[0-9]', page))) == "01-03"


def test_the_days_go_round_the_year(demo):
    for day, before, after in (("01-01", "12-31", "01-02"), ("02-29", "02-28", "03-01"), ("12-31", "12-30", "01-01")):
        page = demo.get(f"/on-this-day?day={day}").text
        assert (
            f'rel="prev" href="/on-this-day?day={before}"' in page
            and f'rel="next" href="/on-this-day?day={after}"' in page
        )


@pytest.mark.parametrize("day", ["13-01", "02-30", "yesterday", "8-31"])
def test_what_is_no_calendar_day_is_refused(demo, day):
    answer = demo.get(f"/on-this-day?day={day}", headers={"accept": "application/json"})
    assert answer.status_code == 400 and "is not a calendar day" in answer.json()["detail"]


def test_a_private_worker_has_no_birthday_for_visitors(ledger):
    added(ledger, "fact", about="ada", field="born", value="1990-05-01")
    for who, told in (("visitor", False), ("worker", False), ("supervisor", True)):
        with board(ledger, who) as client:
            assert ("was born" in client.get("/on-this-day?day=05-01").text) is told, who


def test_without_a_day_it_is_today(ledger):
    added(ledger, "shift", **shift("new-year", started="2025-01-01T08:00:00Z"))
    with board(ledger) as client:
        page = plain(client.get("/on-this-day").text)
        assert (
            "1 January" in page
            and "2025 ada : 7 tonnes, Hewing: a record of one worker without a stated helper; it stands." in page
        )
