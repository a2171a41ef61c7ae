"""A ledger in all its states: whatever is done to it, and in whatever order, it holds what a plain list would hold.

A machine appends, corrects, withdraws, judges, erases, rotates keys, copies, reopens, lets other handles and processes write, and
sets the clock back. Beside the ledger it keeps the plainest book that could be kept; after every step the two are compared, and the
ledger is verified from its first byte to its last.
"""

import itertools
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from checkweigh import codec, entries, erasing, errors, merkle
from checkweigh.ledger import Ledger
from checkweigh.people import People, private_path
from checkweigh.restore import restore
from checkweigh.values import moment, time_text
from checkweigh.verify import verify
from conftest import EDGE, JOB, NOW, SITE, shift, shifts
from damage import long_form, tried

QUANTITIES = st.sampled_from(("1", "7", "102", "0.000000001", "999999999.999999999"))
CLOCKS = st.sampled_from([timedelta(hours=-1), timedelta(0), timedelta(microseconds=1), timedelta(days=1)])
ROWS = st.sampled_from((1, 2, 100, 250, 255, 256, 257, 513))
RULINGS = st.sampled_from(("verified", "disputed", "annulled", "withdrawn"))
COUNTER = itertools.count()
numbers = st.integers(0, 10**6)


def plain_root(leaves):
    """RFC 6962, section 2.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + plain_root(leaves[:half]) + plain_root(leaves[half:])).digest()


class Other:
    """Another process, which appends when it is told to: one for all tests, since starting it takes longer than they do."""

    _running = None
    PROGRAM = """
import sys
from conftest import *
for line in sys.stdin:
    where, name = line.rstrip("\\n").split("\\t")
    with Ledger.open(where, write=True) as ledger, ledger.append(EDGE) as batch:
        batch.add("shift", shift(name))
    print(batch.size, flush=True)
"""

    @classmethod
    def appends(cls, where, name):
        """Append a shift; returns the size after it."""
        if cls._running is None:
            command = [sys.executable, "-c", cls.PROGRAM]
            cls._running = subprocess.Popen(
                command, cwd=Path(__file__).parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        cls._running.stdin.write(f"{where}\t{name}\n")
        cls._running.stdin.flush()
        return int(cls._running.stdout.readline())

    @classmethod
    def end(cls):
        """Let it go."""
        if cls._running is not None:
            cls._running.communicate()
            cls._running = None


class Books(RuleBasedStateMachine):
    """A ledger, and the plain book beside it. `home` gives addresses at which nothing is yet."""

    home = None

    def __init__(self):
        super().__init__()
        self.where = self.home()
        self.now = NOW
        self.book = []
        """What each entry must say: kind, given fields, when it is recorded."""
        self.bytes = []
        """Every entry as it was first read."""
        self.seen = [(0, plain_root([]))]
        """Sizes at which the ledger was looked at, and the roots there."""
        self.people = {}
        self.erased = set()
        self.copies = []
        self.ledger = self.other = None

    @property
    def edge(self):
        return replace(EDGE, now=self.now)

    @property
    def recorded(self):
        """When an entry that is added now is recorded: never before the last."""
        return max([self.now, *(said[2] for said in self.book[-1:])])

    def expect(self, kind, fields):
        self.book.append((kind, fields, self.recorded))

    def add(self, kind, fields, ledger=None):
        with (ledger or self.ledger).append(self.edge) as batch:
            assert batch.add(kind, fields) == len(self.book)
        self.expect(kind, fields)

    def refused(self, kind, fields, error=errors.Refused):
        with pytest.raises(error), self.ledger.append(self.edge) as batch:
            batch.add(kind, fields)

    def standing(self, kind):
        """Identity -> index of the entry that stands for it; a voided one stands too, as withdrawn."""
        return {fields["id"]: index for index, (of, fields, _) in enumerate(self.book) if of == kind and "id" in fields}

    def ruling(self, name):
        """The last word on a shift, None where there is none."""
        replaced = {fields.get("replaces") for kind, fields, _ in self.book if kind == "verdict"}
        rulings = [
            fields["ruling"]
            for index, (kind, fields, _) in enumerate(self.book)
            if kind == "verdict" and fields["shift"] == name and index not in replaced and not fields.get("void")
        ]
        return rulings[-1] if rulings and rulings[-1] != "withdrawn" else None

    def any_of(self, kind, number):
        """(name, index) of one of the standing entries of a kind."""
        names = sorted(self.standing(kind).items())
        return names[number % len(names)]

    def new_shift(self, quantity):
        return shift(f"s{len(self.book)}", quantity=quantity)

    # ---- the steps

    @initialize()
    def found(self):
        self.ledger = Ledger.create(self.where, edge=self.edge)
        for kind, fields in (
            ("site", SITE),
            ("job", JOB),
            ("worker", {"id": "ada", "site": "north", "from": "2025-01-01"}),
        ):
            self.add(kind, fields)

    @rule(quantity=QUANTITIES)
    def append(self, quantity):
        self.add("shift", self.new_shift(quantity))

    @rule(quantity=QUANTITIES, rows=st.integers(1, 4), fails=st.booleans())
    def append_a_batch(self, quantity, rows, fails):
        made = [shift(f"s{len(self.book)}-{row}", quantity=quantity) for row in range(rows)]
        try:
            with self.ledger.append(self.edge) as batch:
                for fields in made:
                    batch.add("shift", fields)
                batch.add("fact", {"about": "ada", "field": "born", "value": quantity})
                if fails:
                    raise KeyError
        except KeyError:
            return
        for kind, fields in [
            *(("shift", fields) for fields in made),
            ("fact", {"about": "ada", "field": "born", "value": quantity}),
        ]:
            self.expect(kind, fields)

    @rule(rows=ROWS, repeats=st.booleans(), number=numbers)
    def append_a_table(self, rows, repeats, number):
        names = [f"t{len(self.book)}-{row}" for row in range(rows)]
        if repeats and "shift" in {kind for kind, *_ in self.book}:
            table = shifts([*names, self.any_of("shift", number)[0]])
            with pytest.raises(errors.BadRows), self.ledger.append(self.edge) as batch:
                batch.add_table("shift", table)
            return
        with self.ledger.append(self.edge) as batch:
            assert batch.add_table("shift", shifts(names)) == range(len(self.book), len(self.book) + rows)
        recorded = self.recorded
        self.book += [("shift", shift(name), recorded) for name in names]

    @precondition(lambda self: self.standing("shift"))
    @rule(number=numbers, quantity=QUANTITIES, void=st.booleans())
    def correct_or_withdraw(self, number, quantity, void):
        name, index = self.any_of("shift", number)
        fields = shift(name, quantity=quantity, replaces=index, note="misread", **({"void": True} if void else {}))
        if self.ruling(name) is not None:
            self.refused("shift", fields, errors.BadEntry)
        else:
            self.add("shift", fields)

    @precondition(lambda self: self.standing("shift"))
    @rule(number=numbers)
    def repeat(self, number):
        name, index = self.any_of("shift", number)
        self.refused("shift", shift(name), errors.AlreadyRecorded)
        self.refused("shift", shift(name, replaces=index - 1, note="n"), errors.BadEntry)
        self.refused("shift", shift("x", worker="nobody"), errors.UnknownReference)
        self.refused("shift", shift("x", started=time_text(self.recorded + timedelta(seconds=1))), errors.BadEntry)

    @precondition(lambda self: self.standing("shift"))
    @rule(number=numbers, ruling=RULINGS)
    def judge(self, number, ruling):
        name, index = self.any_of("shift", number)
        fields = {"shift": name, "ruling": ruling, "reason": "weighed again"}
        if self.book[index][1].get("void"):
            self.refused("verdict", fields, errors.UnknownReference)
        else:
            self.add("verdict", fields)

    @precondition(lambda self: any(kind == "verdict" for kind, *_ in self.book))
    @rule(number=numbers)
    def withdraw_a_verdict(self, number):
        verdicts = [(index, fields) for index, (kind, fields, _) in enumerate(self.book) if kind == "verdict"]
        index, fields = verdicts[number % len(verdicts)]
        withdrawn = {**fields, "replaces": index, "note": "the wrong shift", "void": True}
        gone = self.book[self.standing("shift")[fields["shift"]]][1].get("void")
        if gone or any(other.get("replaces") == index for _, other in verdicts):
            self.refused("verdict", withdrawn)
        else:
            self.add("verdict", withdrawn)

    @rule(number=numbers)
    def enrol(self, number):
        payroll, name = f"{len(self.book)}-4711", f"Ada Byron {number}"
        with People.open(self.ledger.address, create=True) as people:
            with people.enrolling():
                person = people.enrol(payroll, name, self.edge.random)
            self.add("worker", {"id": person.worker, "site": "north", "from": "2025-01-01", "profile": person.profile})
            people.arrived()
        self.people[person.worker] = (payroll, name)

    @rule(number=numbers)
    def erase(self, number):
        worker = sorted({"ada", *self.people, *self.erased})[number % len({"ada", *self.people, *self.erased})]
        done = erasing.erase(self.ledger, worker, "as the law asks", self.edge)
        assert (done.new, done.person) == (worker not in self.erased, worker in self.people)
        if done.new:
            assert done.entry == len(self.book)
            self.expect("erasure", {"worker": worker, "reason": "as the law asks"})
        self.people.pop(worker, None)
        self.erased.add(worker)

    @rule()
    def rotate(self):
        before = self.ledger.verifier
        self.ledger.rotate(self.edge)
        self.expect("key", {"verifier": self.ledger.verifier})
        assert self.ledger.verifier != before

    @rule(how=CLOCKS)
    def set_the_clock(self, how):
        self.now += how

    @rule()
    def reopen(self):
        self.ledger.close()
        self.ledger = Ledger.open(self.where, write=True)

    @rule(quantity=QUANTITIES)
    def append_by_another_handle(self, quantity):
        self.other = self.other or Ledger.open(self.where, write=True)
        self.add("shift", self.new_shift(quantity), self.other)

    @rule()
    def append_by_another_process(self):
        name = f"p{len(self.book)}"
        before, self.now = self.now, NOW  # its clock stands still
        self.expect("shift", shift(name))
        self.now = before
        assert Other.appends(self.where, name) == len(self.book)

    @rule()
    def back_up(self):
        target = self.home()
        self.ledger.backup(target)
        self.copies.append((target, len(self.book)))

    @precondition(lambda self: self.copies)
    @rule(number=numbers)
    def restore(self, number):
        source, size = self.copies[number % len(self.copies)]
        target = self.home()
        assert restore(source, target).size == size
        with Ledger.open(target) as again:
            assert [data for _, data in again.entries()] == self.bytes[:size]

    @precondition(lambda self: self.copies and self.copies[-1][1] == len(self.book))
    @rule()
    def go_on_in_the_copy(self):
        """The ledger is lost, and its newest copy takes its place; who the people are is not copied with it."""
        target, _ = self.copies.pop()
        self.teardown()
        self.where, self.people = target, {}
        self.ledger = Ledger.open(target, write=True)

    # ---- what must hold after each of them

    @invariant()
    def the_ledger_is_what_the_book_says(self):
        if self.ledger is None:
            return
        tried["steps of a ledger's states"] += 1
        size = len(self.book)
        self.bytes += [data for _, data in self.ledger.entries(len(self.bytes))]
        assert (len(self.bytes), self.ledger.size) == (size, size)
        assert [data for _, data in self.ledger.entries()] == self.bytes, "an entry has changed"
        leaves = [sha256(b"\x00" + data).digest() for data in self.bytes]
        root = plain_root(leaves)
        report = verify(self.where)
        assert (report.size, report.root, report.findings) == (size, root, ())
        self.every_entry_says_what_was_given(len(self.seen) > 1 and self.seen[-1][0])
        self.proofs(leaves, root)
        self.names()
        self.times()
        self.private()
        self.seen.append((size, root))

    def every_entry_says_what_was_given(self, first):
        for data, (kind, fields, recorded) in zip(self.bytes[first:], self.book[first:], strict=True):
            entry = codec.decode(data)
            assert (entries.kind_of(entry), entry.recorded, entry.by) == (kind, time_text(recorded), EDGE.by)
            assert {name: entries.value(entry, name) for name in fields} == fields

    def proofs(self, leaves, root):
        size = len(leaves)
        for index in {0, size // 3, size - 1, *(at - 1 for at, _ in self.seen[-3:] if at)}:
            merkle.check_inclusion(index, size, leaves[index], self.ledger.inclusion_proof(index, size), root)
        for old, before in {*self.seen[1:2], *self.seen[-4:]}:
            if old:
                merkle.check_consistency(old, size, before, root, self.ledger.consistency_proof(old, size))
                assert self.ledger.root(old) == before

    def names(self):
        known = {}
        for index, (kind, fields, _) in enumerate(self.book):
            for name in {"verdict": [fields.get("shift")], "key": [""], "erasure": [""]}.get(kind, [fields.get("id")]):
                known.setdefault((kind, name), []).append(index)
        asked = [key for key in known if key[1] is not None]
        for kind, name in [*asked[:2], *asked[-3:], *asked[:: len(asked) // 5 + 1], ("shift", "nobody's")]:
            assert self.ledger.find(kind, name) == known.get((kind, name), [])

    def times(self):
        recorded = [when for *_, when in self.book]
        assert recorded == sorted(recorded) and self.ledger.recorded == recorded[-1]
        for when in {recorded[0], recorded[-1], recorded[len(recorded) // 2], self.now, NOW - timedelta(days=1)}:
            assert self.ledger.size_at(when) == sum(one <= when for one in recorded)
            assert moment(time_text(when)) == when

    def private(self):
        path = private_path(self.ledger.address)
        if not path.exists():
            assert not self.people
            return
        with People.open(self.ledger.address) as people:
            for worker in self.erased:
                assert people.find(worker) is None
            for worker, (payroll, name) in self.people.items():
                assert (people.find(worker).payroll, people.find(worker).name) == (payroll, name)

    def teardown(self):
        for opened in (self.ledger, self.other):
            if opened is not None:
                opened.close()
        self.ledger = self.other = None


EFFORT = {"sqlite": (12, 18), "postgresql": (3, 14)}
"""How many runs of how many steps each store gets."""


@pytest.mark.parametrize("store", EFFORT)
def test_whatever_is_done_the_ledger_holds_what_a_plain_book_holds(store, request, monkeypatch):
    run_the_machine(store, request, monkeypatch, *EFFORT[store])


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("store", EFFORT)
def test_whatever_is_done_for_long(store, request, monkeypatch):
    runs = long_form() or 300
    run_the_machine(store, request, monkeypatch, runs if store == "sqlite" else runs // 5, 50)


def run_the_machine(store, request, monkeypatch, runs, steps):
    place = Path(tempfile.mkdtemp(prefix="checkweigh-"))
    monkeypatch.setenv("CHECKWEIGH_BESIDE", str(place / "beside"))
    server = request.getfixturevalue("server") if store == "postgresql" else None
    home = server.address if server else lambda: str(place / f"ledger{next(COUNTER)}")
    machine = type("Books", (Books,), {"home": staticmethod(home)})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=runs, stateful_step_count=steps, deadline=None, derandomize=not long_form(), database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
    finally:
        Other.end()
        shutil.rmtree(place)
