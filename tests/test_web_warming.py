"""Warming: the audit is there before anybody asks for it, a large ledger is left alone, and a board that cannot be warmed answers."""

import time
from dataclasses import replace

from checkweigh.derived import DERIVED
from checkweigh.web import audited, warming
from conftest import added, shift
from web import board


def endless(tables, **parameters):
    """A question that takes longer than anybody waits."""
    tables.engine.execute(
        "SELECT count(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range * b.range = 7"
    ).fetchall()


def test_findings_and_cases_are_there_before_anybody_asks(ledger):
    added(ledger, "shift", **shift("a"))
    with board(ledger) as client:
        warming.Warming(client.live).join()
        assert {audited.of(client.live, table).last().size for table in ("findings", "cases")} == {ledger.size}


def test_a_large_ledger_is_left_to_those_who_follow_it(ledger, monkeypatch):
    monkeypatch.setattr(audited, "AT_ONCE", 2)
    with board(ledger) as client:
        warming.Warming(client.live).join()
        assert audited.of(client.live).last() is None


def test_what_fails_while_warming_stands_in_the_log_and_stops_nobody(ledger, monkeypatch, caplog):
    monkeypatch.setattr(warming, "TABLES", ("no such table",))
    with board(ledger) as client, caplog.at_level("ERROR"):
        warming.Warming(client.live).join()
        assert "warming stopped" in caplog.text
        assert client.get("/quotas").status_code == 200


def test_a_board_that_stops_waits_for_no_audit_and_says_nothing_of_it(ledger, monkeypatch, caplog):
    added(ledger, "shift", **shift("a"))
    monkeypatch.setitem(DERIVED, "findings", replace(DERIVED["findings"], derive=endless))
    with board(ledger) as client:
        warmed = warming.Warming(client.live)
        audits = audited.of(client.live)
        while audits._engine is None:
            time.sleep(0.01)
        begun = time.monotonic()
        warmed.stop()
        assert time.monotonic() - begun < 30 and not warmed._thread.is_alive() and not caplog.text
        assert audited.of(client.live).last() is None


def test_an_audit_under_way_is_broken_off(ledger, monkeypatch, caplog):
    monkeypatch.setitem(DERIVED, "findings", replace(DERIVED["findings"], derive=endless))
    with board(ledger) as client:
        audits = audited.of(client.live)
        assert audits.ask(client.live.now(), at_once=0) is None
        audits.stop()
        assert not audits._under_way.is_alive() and audits.last() is None and not caplog.text
