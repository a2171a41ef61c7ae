"""Pictures: charts under addresses of their own, drawn when asked for, for any state of the ledger."""

from decimal import Decimal

import pytest

from checkweigh import charts
from checkweigh.web import pictures
from checkweigh.web.pictures import Picture
from conftest import added, shift
from web import board


@pytest.fixture
def drawn(monkeypatch):
    """How often the picture `trial` was drawn, which shows the shifts of a job."""
    asked = []

    def trial(known, width, *, job, unit="t"):
        asked.append((known.size, width, job))
        rows = [
            {
                "on": row["started"].date(),
                "quantity": row["quantity"],
                "expected": Decimal(7),
                "shift": row["id"],
                "status": "reported",
            }
            for row in known.rows("shift", {"job": job})
        ]
        return charts.output_against_quota(rows, title=f"Shifts of {job}", unit=unit, width=width)

    monkeypatch.setitem(pictures._MAKERS, "trial", trial)
    monkeypatch.setattr(pictures, "_DRAWN", type(pictures._DRAWN)())
    return asked


def test_a_picture_is_drawn_once_for_each_look(ledger, drawn):
    added(ledger, "shift", **shift("one", hours="6"))
    with board(ledger) as client:
        shown = Picture.of(client.live.now(), "trial", "the shifts", job="hew", site=None)
        looks = [shown.address(dark=dark, narrow=narrow) for dark in (False, True) for narrow in (False, True)]
        answers = [client.get(look) for look in looks * 2]
        assert {answer.headers["content-type"] for answer in answers} == {"image/svg+xml"}
        assert all(answer.text.startswith("<svg") and "Shifts of hew" in answer.text for answer in answers)
        assert len({answer.text for answer in answers}) == len(drawn) == 4
        assert {width for _, width, _ in drawn} == {charts.WIDE, charts.NARROW}


def test_a_picture_shows_the_state_in_its_address(ledger, drawn):
    added(ledger, "shift", **shift("one", hours="6"))
    size = ledger.size
    added(ledger, "shift", **shift("two", hours="6", started="2025-09-01T06:00:00Z"))
    with board(ledger) as client:
        now = Picture.of(client.live.now(), "trial", "the shifts", job="hew")
        then = Picture.of(client.live.at(str(size)), "trial", "the shifts", job="hew")
        shown = [client.get(one.address("json")).json()["datasets"] for one in (now, then)]
        counts = [max(len(rows) for rows in one.values()) for one in shown]
        assert counts == [2, 1] and [known for known, *_ in drawn] == [size + 1, size]


def test_a_browser_that_has_the_picture_is_not_sent_it_again(ledger, drawn):
    with board(ledger) as client:
        address = Picture.of(client.live.now(), "trial", "the shifts", job="hew").address()
        tag = client.get(address).headers["etag"]
        again = client.get(address, headers={"if-none-match": tag})
        assert again.status_code == 304 and not again.content
        added(ledger, "shift", **shift("one", hours="6"))
        other = client.get(f"/charts/trial.svg?at={ledger.size}&job=hew", headers={"if-none-match": tag})
        assert other.status_code == 200 and other.headers["etag"] != tag


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/charts/nothing.svg?job=hew", 404, "there is no chart nothing.svg"),
        ("/charts/trial.png?job=hew", 404, "there is no chart trial.png"),
        ("/charts/trial.svg", 400, "look at job"),
        ("/charts/trial.svg?job=hew&colour=red", 400, "look at colour"),
        ("/charts/trial.svg?job=hew&at=999", 404, "beyond the ledger"),
    ],
)
def test_what_is_no_picture_is_refused(ledger, drawn, address, status, said):
    with board(ledger) as client:
        answer = client.get(address, headers={"accept": "application/json"})
        assert answer.status_code == status and said in answer.json()["detail"]


def test_vega_comes_from_this_host(ledger):
    from checkweigh.web.static import address

    with board(ledger) as client:
        answer = client.get(address("vega.js"))
        assert (
            answer.status_code == 200 and "vegaEmbed" in answer.text and "immutable" in answer.headers["cache-control"]
        )
