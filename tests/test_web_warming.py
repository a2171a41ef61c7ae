"""Warming: the audit is there before anybody asks for it, a large ledger is left alone, and a board that cannot be warmed answers."""

from checkweigh.web import audited, warming
from conftest import added, shift
from web import board


def test_findings_and_cases_are_there_before_anybody_asks(ledger):
    added(ledger, "shift", **shift("a"))
    with board(ledger) as client:
        warming.begin(client.live).join()
        assert {audited.of(client.live, table).last().size for table in ("findings", "cases")} == {ledger.size}


def test_a_large_ledger_is_left_to_those_who_follow_it(ledger, monkeypatch):
    monkeypatch.setattr(audited, "AT_ONCE", 2)
    with board(ledger) as client:
        warming.begin(client.live).join()
        assert audited.of(client.live).last() is None


def test_what_fails_while_warming_stands_in_the_log_and_stops_nobody(ledger, monkeypatch, caplog):
    monkeypatch.setattr(warming, "_board", lambda known: known.rows("no such table"))
    with board(ledger) as client, caplog.at_level("ERROR"):
        warming.begin(client.live).join()
        assert "warming stopped" in caplog.text
        assert client.get("/quotas").status_code == 200
