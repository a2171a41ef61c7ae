"""The board: its figures are those of the derivation to the last digit, and its address says what it shows."""

import re
from html import unescape
from types import SimpleNamespace

import pytest

from conftest import added, shift
from web import board, plain

CELL = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.S)


def standings(page):
    """The rows of the board as texts."""
    body = re.search(r'<table class="standings">.*?<tbody>(.*?)</tbody>', page, re.S)
    return (
        [[plain(cell) for cell in CELL.findall(row)] for row in re.findall(r"<tr.*?</tr>", body[1], re.S)]
        if body
        else []
    )


@pytest.mark.parametrize(("scope", "labour"), [("worker", False), ("crew", False), ("industry", True)])
def test_the_page_shows_the_figures_of_the_derivation_to_the_last_digit(demo, scope, labour):
    shown = standings(demo.get(f"/?scope={scope}&period=year&start=1935-06-01" + "&labour=1" * labour).text)
    asked = {"period": "year", "scope": scope}
    wanted, plainly, shared = (
        {
            row["party"]: row
            for row in demo.live.now().rows("standings", **asked, labour=way)
            if row["from"].year == 1935
        }
        for way in (labour, False, True)
    )
    assert len(shown) == len(wanted) > 0
    for cells, (party, row) in zip(shown, wanted.items(), strict=True):
        figures = [plainly[party]["attainment"], shared[party]["attainment"]]
        texts = ["–" if value is None else f"{value:f}".rstrip("0").rstrip(".") for value in figures]
        assert cells[:4] == [str(row["rank"] or "–"), row["name"] or party, *texts]


def test_the_newest_period_with_shifts_is_shown_and_leads_to_the_others(demo):
    newest = demo.get("/").text
    assert "<h1>March 1937</h1>" in newest and 'rel="next"' not in newest
    earlier = unescape(re.search(r'rel="prev" href="([^"]+)"', newest)[1])
    before = demo.get(earlier).text
    assert "<h1>February 1936</h1>" in before and "start=1937-03-01" in before


def test_ties_share_a_rank_and_the_poster(ledger):
    added(ledger, "quota", id="norm", job="hew", quantity="7", per="worker", **{"from": "2025-01-01"})
    for name, worker, quantity in (("a", "ada", "14"), ("b", "bo", "14")):
        added(ledger, "shift", **shift(name, worker=worker, quantity=quantity, started="2025-09-01T06:00:00Z"))
    with board(ledger) as client:
        page = client.get("/").text
        assert [cells[:3] for cells in standings(page)] == [["1", "ada", "2"], ["1", "bo", "2"]]
        assert "First together among workers" in plain(page)


def test_a_verdict_is_on_the_board_at_once(ledger):
    added(ledger, "quota", id="norm", job="hew", quantity="7", per="worker", **{"from": "2025-01-01"})
    added(ledger, "shift", **shift("a", quantity="14"))
    with board(ledger) as client:
        assert "reported" in standings(client.get("/").text)[0][6]
        for ruling, said in (("verified", "verified"), ("disputed", "1 disputed")):
            added(ledger, "verdict", shift="a", ruling=ruling, reason="as found")
            assert said in standings(client.get("/").text)[0][6]
            assert bool(standings(client.get("/?verified=1").text)) == (ruling == "verified")
        added(ledger, "verdict", shift="a", ruling="annulled", reason="as found")
        assert standings(client.get("/").text) == [] and "No month holds a shift yet." in client.get("/").text


def test_the_change_against_the_period_before_is_told_in_words(ledger):
    added(ledger, "quota", id="norm", job="hew", quantity="7", per="worker", **{"from": "2025-01-01"})
    for name, month, quantity in (("a", "08", "7"), ("b", "09", "14"), ("c", "10", "7.7"), ("d", "11", "7.7")):
        added(ledger, "shift", **shift(name, quantity=quantity, started=f"2025-{month}-05T06:00:00Z"))
    with board(ledger) as client:
        said = [standings(client.get(f"/?start=2025-{month}-01").text)[0][7] for month in ("09", "10", "11")]
    assert said == ["▲ 1 up on the month before", "▼ 0.9 down on the month before", "= as the month before"]


def test_filters_narrow_the_board(ledger):
    added(ledger, "site", id="south", name="South pit", industry="coal", timezone="Europe/Moscow")
    added(ledger, "quota", id="norm", job="hew", quantity="7", per="worker", **{"from": "2025-01-01"})
    added(ledger, "shift", **shift("a"))
    added(ledger, "shift", **shift("b", worker="bo", site="south"))
    added(ledger, "shift", **shift("c", worker="bo", site="south", started="2025-08-31T16:00:00Z"))
    with board(ledger) as client:
        parties = {
            query: [cells[1] for cells in standings(client.get(f"/?{query}").text)]
            for query in ("", "site=south", "minimum=2", "job=none")
        }
    assert parties == {"": ["ada", "bo"], "site=south": ["bo"], "minimum=2": ["bo"], "job=none": []}


def test_records_of_the_period_tell_what_they_beat(demo):
    page = plain(demo.get("/?start=1937-03-05").text)
    assert "321 t Hewing coal, one worker without a stated helper: Alexei Stakhanov" in page
    assert "It beat 227 t of Alexei Stakhanov, which had stood for 533 days." in page and "new 321 t" in page
    ever = plain(demo.get("/?period=all").text)
    assert "stands 321 t" in ever and "stands 227 t" not in ever and "227 t Hewing coal" in ever and "new 2" not in ever


def test_an_older_state_is_shown_as_it_was_known(demo):
    then, now = (standings(demo.get(f"/?period=month&start=1935-08-31{at}").text) for at in ("&at=1936-12-31", ""))
    assert then[0][2:4] == ["14.571428", "14.571428"] and now[0][2:4] == ["14.571428", "4.857142"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("scope=team", "scope=team is not a choice"),
        ("period=decade", "period=decade is not a choice"),
        ("start=yesterday", "start=yesterday is not a date"),
        ("minimum=many", "minimum=many is not a number"),
        ("shown=100000", "shown=100000 is not a number from 0 to 1000"),
        ("start=0001-01-01", "is not a date"),
    ],
)
def test_a_choice_that_the_board_does_not_know_is_refused(ledger, query, said):
    with board(ledger) as client:
        answer = client.get(f"/?{query}", headers={"accept": "application/json"})
        assert answer.status_code == 400 and said in answer.json()["detail"]


def test_an_empty_board_says_what_to_do_next(ledger):
    with board(ledger) as client:
        for query in ("/", "/?wall=1", "/?period=all", "/?start=1935-08-31", "/?job=hew"):
            assert 'class="empty"' in client.get(query).text, query


def test_the_wall_has_no_controls_and_refreshes_itself_without_scripts(demo):
    page = demo.get("/?wall=1&period=year&start=1935-01-01").text
    assert "<form" not in page and '<noscript><meta http-equiv="refresh" content="10"></noscript>' in page
    assert (
        "24.00" in page
        and f"As known at size {demo.live.ledger.size}, the latest" in page
        and "recorded 31 December 2019, 18:00 UTC" in plain(page)
    )


def test_an_open_board_hears_of_a_new_shift(ledger):
    import anyio

    from checkweigh.web.board import board_size

    async def sizes(live):
        events = aiter((await board_size.fn(request=SimpleNamespace(method="GET"), live=live)).iterator)
        first = await anext(events)
        added(ledger, "shift", **shift("new"))
        with anyio.fail_after(2):
            return [first, await anext(events)]

    before = ledger.size
    with board(ledger) as client:
        heard = anyio.run(sizes, client.live)
    assert [event.split(b"\r\n")[:2] for event in heard] == [
        [b"event: size", b"data: %d" % size] for size in (before, before + 1)
    ]
