"""The record book: its marks are those of the derivation, at every size, with what verdicts took out and why."""

import re
from html import unescape

import pytest

from conftest import added, shift
from web import board, plain

SINGLE = "/records?job=hewing&holder=single"


def marks(page):
    """Of each class of a page: its heading, and the marks as (mark, who), struck ones with their reason."""
    found = {}
    for part in re.findall(r'<section class="class".*?</section>', page, re.S):
        rows = re.findall(r"<tr(?: class=\"(\w+)\")?>(.*?)</tr>", part[part.index("<tbody>") :], re.S)
        cells = [
            (kind, [plain(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)]) for kind, row in rows
        ]
        found[plain(re.search(r"<h2.*?</h2>", part)[0])] = [
            (*cells[:2], cells[4]) if kind == "struck" else tuple(cells[:2]) for kind, cells in cells
        ]
    return found


HEWING = "Hewing coal: the most by one worker without a stated helper in one shift"
REASON = "adjusted on 31 December 1988: “Two timberers worked with him for the whole shift and were never counted.”"


def test_the_book_of_1936_and_of_1990(demo):
    then, later = (marks(demo.get(f"{SINGLE}&at={at}").text)[HEWING] for at in ("1936-12-31", "1990-12-31"))
    start, end = (
        [("60 t", "Izotov"), ("70 t", "Izotov")],
        [("115 t", "Dyukanov"), ("125 t", "Kontsedalov"), ("175 t", "Alexei Stakhanov")],
    )
    end.append(("227 t", "Alexei Stakhanov"))
    assert then == [*start, ("102 t", "Alexei Stakhanov"), *end]
    assert later == [*start, ("102 t", "Alexei Stakhanov", REASON), *end, ("321 t", "Alexei Stakhanov")]


def test_what_changed_between_two_days_is_told_with_its_reason(demo):
    page = plain(demo.get("/records/changes?job=hewing&since=1936-12-31&at=1990-12-31").text)
    assert page.startswith("From 31 December 1936 to 31 December 1990")
    left = "Alexei Stakhanov’s 102 t left the class of one worker without a stated helper: adjusted on 31 December 1988 because"
    assert f"{left} “Two timberers worked with him for the whole shift and were never counted.”, two helpers." in page
    assert "Dyukanov’s 115 t is the first mark beyond Izotov’s 70 t now." in page
    assert page.index("left the class") < page.index("first mark beyond")
    assert "Alexei Stakhanov’s 321 t of 5 March 1937 is a new mark, and it stands." in page
    assert (
        "Alexei Stakhanov’s 102 t of 31 August 1935 counts in the class of crews and workers with helpers now." in page
    )
    backwards = plain(demo.get("/records/changes?job=hewing&since=1990-12-31&at=1936-12-31").text)
    assert backwards == page, "what changed is told forwards, whichever day was asked for first"


@pytest.mark.parametrize("query", ["", "measure=attainment", "scope=industry&job=hewing"])
def test_the_page_shows_the_marks_of_the_derivation_to_the_last_digit(demo, query):
    asked = dict(part.split("=") for part in query.split("&") if part)
    rows = demo.live.now().rows("records", **{"measure": "quantity", "scope": "all", **asked})
    values = [f"{row['value']:f}".rstrip("0").rstrip(".") for row in rows]
    shown = [mark for found in marks(demo.get(f"/records?{query}").text).values() for mark in found if len(mark) == 2]
    assert sorted(mark[0].split(" ")[0] for mark in shown) == sorted(values) and values


def test_the_classes_alone_are_what_the_page_holds(demo):
    whole, part = (demo.get(f"{path}?job=hewing&at=1936-12-31").text for path in ("/records", "/records/book"))
    assert marks(whole) == marks(part) != {} and "<html" not in part


def test_the_slider_goes_from_the_first_recorded_day_to_the_last_with_the_verdict_marked(demo):
    page = demo.get("/records").text
    days = re.findall(r'<li data-day="([^"]+)"( class="ruled")?>', page)
    assert days[0][0] == "1935-08-30" and days[-1][0] == "2013-12-31"
    assert [day for day, ruled in days if ruled] == ["1988-12-31"]


def test_each_class_has_its_steps_as_a_picture(demo):
    page = demo.get(f"{SINGLE}&at=1990-12-31").text
    address, alt = (unescape(found) for found in re.search(r'<img src="([^"]+)" alt="([^"]+)"', page).groups())
    assert "Alexei Stakhanov’s 102 t left the class." in alt and "321 t stands" in alt
    drawn = demo.get(address.replace(".svg", ".json")).json()
    states = {row["value"]: row["state"] for rows in drawn["datasets"].values() for row in rows if "state" in row}
    assert states[102] == "out" and states[321] == "standing" and states[115] == "beaten"
    assert demo.get(address).text.startswith("<svg")


def test_annulled_and_reversed(ledger):
    def struck(client):
        return [mark for found in marks(client.get("/records").text).values() for mark in found if len(mark) == 3]

    added(ledger, "shift", **shift("a", quantity="7"))
    added(ledger, "shift", **shift("b", quantity="102", worker="bo", started="2025-09-01T06:00:00Z"))
    with board(ledger) as client:
        assert struck(client) == []
        added(ledger, "verdict", shift="b", ruling="annulled", reason="two tallies")
        assert struck(client) == [("102 tonnes", "bo", "annulled on 1 January 2026: “two tallies”")]
        added(ledger, "verdict", shift="b", ruling="withdrawn", reason="the tally was found")
        assert struck(client) == [], "a withdrawn verdict takes nothing out"


def test_an_adjusted_mark_that_stays_in_its_class_is_marked_and_not_struck(ledger):
    added(ledger, "shift", **shift("a", quantity="7"))
    added(ledger, "shift", **shift("b", quantity="102", worker="bo", started="2025-09-01T06:00:00Z"))
    added(ledger, "verdict", shift="b", ruling="adjusted", quantity="80", reason="weighed again")
    with board(ledger) as client:
        page = client.get("/records").text
    assert [mark for found in marks(page).values() for mark in found] == [("7 tonnes", "ada"), ("80 tonnes", "bo")]
    assert "status-adjusted" in page


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("measure=weight", "measure=weight is not a choice"), ("scope=worker", "needs whose marks are meant"),
        ("within=north", "needs a scope"), ("at=never", "neither a size nor a date"), ("since=never", "neither a size nor a date"),
    ],
)  # fmt: skip
def test_a_book_that_there_is_not_is_refused(ledger, query, said):
    with board(ledger) as client:
        answer = client.get(f"/records?{query}", headers={"accept": "application/json"})
        assert answer.status_code == 400 and said in answer.json()["detail"]


def test_an_erased_worker_has_no_name_in_the_book_of_any_day(ledger):
    added(ledger, "worker", id="cy", name="Cyrus Vance", site="north", **{"from": "2025-01-01"})
    added(ledger, "shift", **shift("a", worker="cy"))
    size = ledger.size
    added(ledger, "shift", **shift("b", worker="cy", quantity="8", started="2025-09-01T06:00:00Z"))
    with board(ledger) as client:
        addresses = ("/records", f"/records?at={size}", f"/records/changes?since={size}&at={size + 1}", "/?period=year")
        assert all("Cyrus Vance" in client.get(address).text for address in addresses)
        added(ledger, "erasure", worker="cy", reason="asked for")
        assert not [address for address in addresses if "Cyrus" in client.get(address).text]


def test_an_empty_book_says_what_to_do_next(ledger):
    with board(ledger) as client:
        for address in ("/records", "/records/book", "/records?at=0", "/records?job=hew&at=2020-01-01"):
            assert 'class="empty"' in client.get(address).text, address
