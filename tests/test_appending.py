"""One append after another: what a ledger keeps at hand between them changes nothing, and is let go when others write."""

import itertools
from dataclasses import replace

import pytest

from checkweigh import errors
from checkweigh.ledger import Ledger, key_path
from checkweigh.stores import TABLES
from checkweigh.stores.sqlite import SQLiteStore
from checkweigh.verify import verify
from conftest import EDGE, NOW, added, founded, shift, shifts

MANY = 400
"""Appends that fill two bundles, and runs of the index that are merged."""


def chance():
    """The same salts and keys for every ledger."""
    numbers = itertools.count()
    return lambda length: next(numbers).to_bytes(length)


def steps():
    """What is appended one by one: shifts, and between them corrections, a verdict, a new worker, tables, and what is refused."""
    for number in range(MANY):
        yield [("shift", shift(f"s{number}", worker=("ada", "bo")[number % 2]))]
        if number == 60:
            yield [("shift", shift("s3", worker="nobody"))]
            yield [("shift", shift("s3"))]
            yield [("shift", shift("fine")), ("shift", shift("s4"))]
        if number == 200:
            yield [("shift", shift("s7", quantity="8", replaces=11, note="misread"))]
            yield [("verdict", {"shift": "s7", "ruling": "verified", "reason": "weighed"})]
            yield [("shift", shift("s7", quantity="9", replaces=205, note="judged by now"))]
            yield [("worker", {"id": "cy", "site": "north", "from": "2025-01-01"}), ("shift", shift("c", worker="cy"))]
            yield [shifts([f"t{name}" for name in range(300)])]
            yield [("shift", shift("t7"))]
            yield [("shift", shift("u")), "t7"]
            yield [shifts(["t7"], replaces=[216], note=["misread"])]
            yield [("shift", shift("t7", replaces=216, note="misread again"))]


def grown(path, *, reopened):
    """What the store of a ledger holds after all steps, and what was answered to each."""
    edge = replace(EDGE, random=chance())
    ledger, told = Ledger.create(path, edge=edge, origin="mine.example/one"), []
    with ledger.append(edge) as batch:
        for kind, fields in (
            ("site", {"id": "north", "name": "North pit", "industry": "coal", "timezone": "Europe/Moscow"}),
            ("job", {"id": "hew", "name": "Hewing", "industry": "coal", "unit": "tonne", "better": "higher"}),
            ("worker", {"id": "ada", "site": "north", "from": "2025-01-01"}),
            ("worker", {"id": "bo", "site": "north", "from": "2025-08-31"}),
        ):
            batch.add(kind, fields)
    for step in steps():
        if reopened:
            ledger.close()
            ledger = Ledger.open(path, write=True)
        try:
            with ledger.append(edge) as batch:
                told += [done(batch, one) for one in step]
        except errors.Refused as error:
            told.append(str(error))
    ledger.close()
    assert verify(path).size == ledger_size(path)
    store = SQLiteStore.open(path)
    with store.read() as reader:
        held = {table: list(reader.scan(table)) for table in TABLES}
    store.close()
    return held, told


def done(batch, one):
    """A table, an entry, or a name that is looked for."""
    if isinstance(one, str):
        return batch.find("shift", one)
    return batch.add(*one) if isinstance(one, tuple) else batch.add_table("shift", one)


def ledger_size(path):
    with Ledger.open(path) as ledger:
        return ledger.size


def test_appends_one_after_another_write_what_appends_of_their_own_write(tmp_path):
    held, told = grown(tmp_path / "one", reopened=False)
    again, told_again = grown(tmp_path / "two", reopened=True)
    assert told == told_again and sum(isinstance(one, str) for one in told) == 6
    for table in TABLES:
        assert held[table] == again[table], table


def test_what_others_append_in_between_is_known(tmp_path):
    with founded(tmp_path / "pit") as one, Ledger.open(tmp_path / "pit", write=True) as two:
        added(one, "shift", **shift("a"))
        added(two, "shift", **shift("b"))
        added(two, "worker", **{"id": "cy", "site": "north", "from": "2025-01-01"})
        with pytest.raises(errors.AlreadyRecorded, match="b"):
            added(one, "shift", **shift("b"))
        assert added(one, "shift", **shift("c", worker="cy")) == 7
        added(two, "shift", **shift("c", worker="ada", replaces=7, note="it was her"))
        with pytest.raises(errors.BadEntry, match="now standing for this identity is 8"):
            added(one, "shift", **shift("c", replaces=7, note="it was her"))
        two.rotate(EDGE)
        assert added(one, "shift", **shift("d")) == 10
    assert verify(tmp_path / "pit").size == 11


def test_what_failed_leaves_nothing_at_hand(ledger):
    added(ledger, "shift", **shift("a"))
    with pytest.raises(KeyError), ledger.append(EDGE) as batch:
        batch.add("worker", {"id": "cy", "site": "north", "from": "2025-01-01"})
        batch.add("shift", shift("b", worker="cy"))
        raise KeyError
    with pytest.raises(errors.UnknownReference, match="cy"):
        added(ledger, "shift", **shift("b", worker="cy"))
    assert added(ledger, "shift", **shift("b")) == 5
    with pytest.raises(KeyError), ledger.append(EDGE) as batch:
        batch.sealed.append({}.__getitem__)  # complete, and then not in the ledger after all
        batch.add("shift", shift("c"))
    assert added(ledger, "shift", **shift("c")) == 6
    assert verify(ledger.address).size == 7


def test_who_appends_nothing_leaves_at_hand_what_was(ledger):
    added(ledger, "shift", **shift("a"))
    number, left = ledger._last.number, ledger._last.left
    with ledger.append(EDGE) as batch:
        assert batch.find("shift", "a") == [4]
    assert (ledger._last.number, ledger._last.left) == (number + 1, left)
    assert added(ledger, "shift", **shift("b")) == 5


def test_a_key_that_is_taken_away_signs_no_further(ledger):
    added(ledger, "shift", **shift("a"))
    key_path(ledger.address).unlink()
    with pytest.raises(errors.NoKey, match="its signing key is missing"):
        added(ledger, "shift", **shift("b"))


def test_the_ledger_says_late_after_an_append_too(ledger):
    added(ledger, "shift", **shift("a"))
    with ledger.append(replace(EDGE, now=NOW.replace(year=2025))) as batch:
        assert batch.late_clock and batch.recorded == NOW
