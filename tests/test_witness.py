"""A witness decides: what it agrees to, what it refuses and why, and what becomes evidence. No network, no clock."""

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from checkweigh import merkle
from checkweigh.checkpoint import (
    Checkpoint,
    Signer,
    Verifier,
    cosign,
    open_note,
    sign_checkpoint,
    sign_note,
    sign_rotation,
    split_note,
)
from checkweigh.errors import BadProof, BadSignature, NoKey, Refused
from checkweigh.witness import Directory, Followed, Submission, Witness, decide
from checkweigh.witness.evidence import BadEvidence, check, parse
from checkweigh.witness.submission import BadSubmission

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEDGER = Signer("mine.example/north", bytes(range(32)))
NEXT = Signer("mine.example/north", bytes(range(1, 33)))
STRANGER = Signer("mine.example/north", bytes(32))
REP = Signer("union.example/rep", bytes(reversed(range(32))))


class Log:
    """A log of so many entries, told in one of several versions that part at an index."""

    def __init__(self, size, version="", parts_at=0):
        self.size = size
        self.leaves = [merkle.leaf_hash(f"{i}{version if i >= parts_at else ''}".encode()) for i in range(size)]

    def read(self, level, index):
        nodes = self.leaves[index << level : (index + 1) << level]
        for _ in range(level):
            nodes = merkle.parents(nodes)
        return nodes[0]

    def root(self, size):
        return merkle.root(size, self.read)

    def note(self, size, signer=LEDGER):
        return sign_checkpoint(Checkpoint(LEDGER.name, size, self.root(size)), signer)

    def shown(self, old, size, signer=LEDGER, prefix=False):
        """The submission of the checkpoint of a size, from an older one on."""
        proof = merkle.consistency_proof(old, size, self.read) if 0 < old <= size else []
        return Submission(old, tuple(proof), self.note(size, signer), self.root(old) if prefix else None)


class Memory:
    """The book of a witness in memory."""

    def __init__(self):
        self.ledgers, self.notes, self.kept, self.lock = {}, {}, [], threading.Lock()

    @contextmanager
    def page(self):
        with self.lock:
            yield self

    def followed(self, origin):
        found = self.ledgers.get(origin)
        sizes = [size for name, size in self.notes if name == origin]
        if found is None or not sizes:
            return found
        note, moment = self.notes[origin, max(sizes)]
        return replace(found, note=note, moment=moment)

    def agreed(self, origin, size):
        return self.notes.get((origin, size), (None,))[0]

    def follow(self, followed):
        self.ledgers[followed.origin] = followed

    def agree(self, origin, size, note, moment):
        self.notes[origin, size] = (note, moment)

    def keep(self, found):
        self.kept.append(found)
        return found.name


@pytest.fixture(params=["memory", "directory"])
def witness(request, tmp_path):
    """A witness that follows the ledger, with its book in memory and in a directory."""
    book = Memory() if request.param == "memory" else Directory.create(tmp_path / "rep", REP.name, lambda n: REP.seed)
    found = Witness(REP, book)
    found.follow(LEDGER.verifier)
    found.book = book
    return found


def kept(witness):
    """The evidence that a witness has."""
    return witness.book.kept if isinstance(witness.book, Memory) else [one for _, one in witness.book.evidence()]


HONEST, OTHER = Log(40), Log(40, "'", parts_at=5)


def test_it_agrees_to_one_history_as_it_grows(witness):
    old = 0
    for size in (0, 1, 4, 7, 7, 8, 40):
        considered = witness.consider(HONEST.shown(old, size), NOW)
        assert considered.answer.status == 200, considered.answer
        _, signatures = open_note(HONEST.note(size) + considered.line, LEDGER.verifier, witness.key)
        assert [one.name for one in signatures] == [LEDGER.name, REP.name]
        assert signatures[1].moment == int(NOW.timestamp())
        assert witness.followed(LEDGER.name).checkpoint.size == size
        old = size
    assert not kept(witness)


@pytest.mark.parametrize("old", [1, 3, 6, 7, 12, 33])
@pytest.mark.parametrize("size", [33, 40])
def test_a_second_history_is_a_fork_whoever_proves_it(witness, old, size):
    witness.consider(HONEST.shown(0, old), NOW)
    other = Log(40, "'", parts_at=0)
    considered = witness.consider(other.shown(old, size), NOW)
    assert considered.answer.status == 422
    (found,) = kept(witness)
    provable = old & (old - 1) != 0
    assert found.what == ("fork" if provable else "unproven")
    agreed, shown = check(found, LEDGER.verifier)
    assert (agreed.size, shown.size) == (old, size)
    if not provable:
        witness.consider(other.shown(old, size, prefix=True), NOW)
        assert sorted(one.what for one in kept(witness)) == ["fork", "unproven"]
        assert [check(one) for one in kept(witness)]
    assert witness.followed(LEDGER.name).checkpoint == Checkpoint(LEDGER.name, old, HONEST.root(old))


@pytest.mark.parametrize(("old", "status"), [(7, 422), (0, 409), (5, 409)])
def test_two_roots_of_one_size_are_a_fork_at_whatever_size_they_are_said_to_begin(witness, old, status):
    witness.consider(HONEST.shown(0, 7), NOW)
    assert witness.consider(replace(OTHER.shown(0, 7), old=old), NOW).answer.status == status
    (found,) = kept(witness)
    assert found.what == "fork" and check(found, LEDGER.verifier)


def test_two_roots_of_an_earlier_size_are_a_fork(witness):
    for old, size in ((0, 7), (7, 20)):
        witness.consider(HONEST.shown(old, size), NOW)
    assert witness.consider(OTHER.shown(0, 7), NOW).answer.status == 409
    (found,) = kept(witness)
    assert found.what == "fork" and [one.size for one in check(found)] == [7, 7]


def test_fewer_entries_than_agreed_to_are_a_rollback_and_what_was_agreed_to_is_not(witness):
    for old, size in ((0, 7), (7, 20)):
        witness.consider(HONEST.shown(old, size), NOW)
    assert witness.consider(HONEST.shown(0, 7), NOW).answer == replace(decide_nothing(20, 0), conflict=None)
    assert not kept(witness)
    assert witness.consider(replace(HONEST.shown(0, 12), old=20), NOW).answer.status == 400
    (found,) = kept(witness)
    assert found.what == "rollback" and [one.size for one in check(found)] == [20, 12]


def decide_nothing(size, old):
    """The answer to whoever names another size."""
    followed = Followed(LEDGER.name, (LEDGER.verifier,), (), cosign(HONEST.note(size), REP, 1), 1)
    return decide(HONEST.shown(old, 7), followed, lambda at: HONEST.note(at))


def test_an_honest_checkpoint_with_a_wrong_proof_proves_nothing_and_is_settled_later(witness):
    witness.consider(HONEST.shown(0, 7), NOW)
    wrong = replace(HONEST.shown(7, 20), proof=(bytes(32),) * 3)
    assert witness.consider(wrong, NOW).answer.status == 422
    (found,) = kept(witness)
    assert found.what == "unproven" and check(found)
    if isinstance(witness.book, Directory):
        assert not witness.book.settled(found)
        witness.consider(HONEST.shown(7, 20), NOW)
        assert witness.book.settled(found)


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (HONEST.shown(0, 7, STRANGER), 403),
        (replace(HONEST.shown(0, 7), note=HONEST.note(7).replace("north\n7", "south\n7")), 404),
        (replace(HONEST.shown(0, 7), note=HONEST.note(7).replace("\n7\n", "\n8\n")), 403),
        (replace(HONEST.shown(0, 7), note=HONEST.note(7) + HONEST.note(8).split("\n\n")[1]), 403),
        (replace(HONEST.shown(0, 7), old=8), 400),
        (replace(HONEST.shown(0, 7), old=5), 409),
        (replace(HONEST.shown(0, 7), proof=(bytes(32),)), 422),
        (Submission(0, (), sign_checkpoint(Checkpoint(LEDGER.name, 0, bytes(32)), LEDGER)), 422),
    ],
)
def test_each_refusal_has_its_status_and_changes_nothing(witness, shown, status):
    assert witness.consider(shown, NOW).answer.status == status
    assert witness.followed(LEDGER.name).note is None and not kept(witness)


def test_an_empty_ledger_is_contradicted_by_nothing(witness):
    witness.consider(HONEST.shown(0, 0), NOW)
    assert witness.consider(replace(HONEST.shown(0, 7), proof=(bytes(32),)), NOW).answer.status == 422
    assert not kept(witness)


def test_other_signatures_are_passed_over_and_not_passed_on(witness):
    note = HONEST.note(7) + sign_note("x\n", Signer("else.example", bytes(32))).split("\n\n")[1]
    considered = witness.consider(Submission(0, (), note), NOW)
    assert considered.answer.status == 200
    assert [one.name for one in split_note(considered.note)[1]] == [LEDGER.name, REP.name]


def test_every_change_to_a_proof_is_refused(witness):
    witness.consider(HONEST.shown(0, 7), NOW)
    right = HONEST.shown(7, 40)
    for at, found in enumerate(right.proof):
        changed = bytes([found[0] ^ 1]) + found[1:]
        for proof in (right.proof[:at], (*right.proof[:at], changed, *right.proof[at + 1 :]), (*right.proof, found)):
            assert witness.consider(replace(right, proof=proof), NOW).answer.status == 422
    assert {one.what for one in kept(witness)} == {"unproven"}
    assert witness.consider(right, NOW).answer.status == 200


def test_a_clock_that_was_set_back_does_not_date_a_cosignature_before_the_last(witness):
    witness.consider(HONEST.shown(0, 7), NOW)
    assert witness.consider(HONEST.shown(7, 8), NOW - timedelta(hours=1)).moment == int(NOW.timestamp())


def test_it_goes_through_a_rotation_that_is_signed_and_through_no_other(witness):
    witness.consider(HONEST.shown(0, 7), NOW)
    handover = sign_rotation(LEDGER.name, NEXT.verifier, LEDGER)
    assert witness.consider(HONEST.shown(7, 8, NEXT), NOW).answer.status == 403
    with pytest.raises(Refused, match="--handover"):
        witness.follow(NEXT.verifier)
    with pytest.raises(BadSignature):
        witness.follow(STRANGER.verifier, handover)
    witness.follow(NEXT.verifier, handover)
    witness.follow(NEXT.verifier, handover)
    assert witness.consider(HONEST.shown(7, 8, NEXT), NOW).answer.status == 200
    assert witness.consider(HONEST.shown(8, 9), NOW).answer.status == 403
    assert not kept(witness), "the old key alone contradicts nothing"
    with pytest.raises(BadSignature):
        witness.follow(STRANGER.verifier, sign_rotation(LEDGER.name, STRANGER.verifier, LEDGER))


def test_a_second_history_under_the_key_before_is_a_fork_too(witness):
    witness.consider(HONEST.shown(0, 7), NOW)
    witness.follow(NEXT.verifier, sign_rotation(LEDGER.name, NEXT.verifier, LEDGER))
    assert witness.consider(OTHER.shown(7, 9), NOW).answer.status == 403
    (found,) = kept(witness)
    assert found.what == "fork" and len(found.keys) == 2
    assert check(found, LEDGER.verifier) == check(found, NEXT.verifier)


def test_of_checkpoints_that_arrive_at_once_one_history_is_agreed_to(witness):
    threads, answers = [], []

    def show(log, size):
        for old in (0, *range(1, 41)):
            answer = witness.consider(log.shown(old, size), NOW).answer
            answers.append((log, answer.status))

    for log in (HONEST, OTHER):
        for size in (20, 30, 40):
            threads.append(threading.Thread(target=show, args=(log, size)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({log for log, status in answers if status == 200}) == 1
    assert "fork" in {one.what for one in kept(witness)}


# ---- evidence


def evidence_of_a_fork():
    witness = Witness(REP, Memory())
    witness.follow(LEDGER.verifier)
    witness.consider(HONEST.shown(0, 7), NOW)
    witness.consider(OTHER.shown(7, 9), NOW)
    return witness._book.kept[0]


def test_evidence_comes_back_from_its_file_and_names_the_key():
    found = evidence_of_a_fork()
    assert parse(found.text.encode()) == found
    with pytest.raises(BadEvidence, match="another key"):
        check(found, STRANGER.verifier)


@pytest.mark.parametrize(
    "changes",
    [
        {"what": "rollback"},
        {"what": "unproven", "prefix": "", "proof": ()},
        {"shown": HONEST.note(9)},
        {"agreed": OTHER.note(7)},
        {"agreed": HONEST.note(7)},
        {"agreed": cosign(OTHER.note(7), Signer("x.example", bytes(32)), 1)},
        {"shown": OTHER.note(9, STRANGER)},
        {"origin": "mine.example/south"},
        {"prefix": "AAAA"},
        {"prefix": "é"},
        {"proof": ("AAAA",)},
        {"proof": ()},
        {"keys": ()},
        {"keys": (str(STRANGER.verifier),)},
        {"keys": (str(LEDGER.verifier), str(NEXT.verifier)), "handovers": ("AAAA",)},
        {"handovers": ("AAAA",)},
        {"witness": "x"},
    ],
)
def test_evidence_that_does_not_show_what_it_says_is_refused(changes):
    found = msgspec.structs.replace(evidence_of_a_fork(), **changes)
    if changes.get("what") == "unproven":
        assert check(found)
        return
    with pytest.raises(BadEvidence):
        check(found)


def test_nobody_makes_evidence_against_an_honest_ledger():
    """Every pair of honest checkpoints, with every proof that there is: none can be called a fork."""
    found = evidence_of_a_fork()
    for old in range(1, 7):
        for new in range(old, 7):
            agreed = cosign(HONEST.note(old), REP, 1)
            proofs = [merkle.consistency_proof(a, b, HONEST.read) for b in range(1, 7) for a in range(1, b + 1)]
            for proof in proofs:
                for prefix in (HONEST.root(old), OTHER.root(6), HONEST.root(new)):
                    made = msgspec.structs.replace(
                        found, agreed=agreed, shown=HONEST.note(new), prefix=b64(prefix), proof=tuple(map(b64, proof))
                    )
                    with pytest.raises(BadEvidence):
                        check(made)


def b64(data):
    return msgspec.json.encode(data).decode().strip('"')


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"format":1}', b"[" * 100_000])
def test_what_is_no_evidence_is_refused(data):
    with pytest.raises(BadEvidence):
        parse(data)


def test_a_proof_shows_the_root_before_it_to_whoever_does_not_know_it():
    for new in range(2, 34):
        for old in range(1, new):
            proof = merkle.consistency_proof(old, new, HONEST.read)
            if old & (old - 1) == 0:
                with pytest.raises(BadProof):
                    merkle.prefix_root(old, new, HONEST.root(new), proof)
            else:
                assert merkle.prefix_root(old, new, HONEST.root(new), proof) == HONEST.root(old)
                with pytest.raises(BadProof):
                    merkle.prefix_root(old, new, OTHER.root(40), proof)


# ---- what is shown, to the byte


def test_a_body_comes_back():
    for shown in (HONEST.shown(0, 7), HONEST.shown(7, 40), HONEST.shown(0, 0)):
        assert Submission.parse(shown.body) == shown
    assert HONEST.shown(7, 8).body.startswith(b"old 7\n")


@pytest.mark.parametrize(
    "head",
    [
     b"", b"old\n\n", b"old 07\n\n", b"old +7\n\n", b"old -1\n\n", b"old  7\n\n", b"Old 7\n\n", b"old 7", b"old 7\n",
     b"old 9223372036854775808\n\n", b"old 7\r\n\n", b"old 7\nAAAA\n\n", b"old 7\n" + b"A" * 43 + b"B\n\n",
     b"old 7\n" + (b"A" * 43 + b"=\n") * 64 + b"\n",
     b"old \xd9\xa7\n\n", b"\xff"],
)  # fmt: skip
def test_what_is_not_spelled_so_is_refused(head):
    with pytest.raises(BadSubmission):
        Submission.parse(head + HONEST.note(7).encode())


@pytest.mark.parametrize(
    "note",
    ["", "x", "mine\n7\n", HONEST.note(7)[:-1], *(HONEST.note(7).replace("\n7\n", f"\n{n}\n") for n in (2**63, "9" * 5000))],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(note):
    with pytest.raises(BadSubmission):
        Submission.parse(b"old 0\n\n" + note.encode())


# ---- the directory


def test_a_directory_is_its_owners_and_remembers(tmp_path):
    path = tmp_path / "rep"
    book = Directory.create(path, "union.example/rep", lambda n: bytes(n))
    witness = Witness(book.signer, book)
    witness.follow(LEDGER.verifier)
    witness.consider(HONEST.shown(0, 7), NOW)
    witness.consider(OTHER.shown(7, 9), NOW)
    witness.consider(OTHER.shown(7, 9), NOW)
    private = [path, path / "evidence", path / "witness.key", book.evidence()[0][0]]
    assert [oct(file.stat().st_mode & 0o777) for file in private] == ["0o700", "0o700", "0o600", "0o600"]
    again = Directory.open(path)
    assert [one.checkpoint.size for one in again.all_followed()] == [7]
    assert len(again.evidence()) == 1
    assert check(again.evidence()[0][1], LEDGER.verifier)


def test_what_is_no_directory_of_a_witness_is_refused(tmp_path):
    with pytest.raises(Refused, match="not the directory of a witness"):
        Directory.open(tmp_path)
    with pytest.raises(Refused, match="cannot name a witness"):
        Directory.create(tmp_path / "rep", "a b", bytes)
    Directory.create(tmp_path / "rep", "a", lambda n: bytes(n))
    with pytest.raises(Refused, match="exists already"):
        Directory.create(tmp_path / "rep", "a", lambda n: bytes(n))
    (tmp_path / "rep" / "witness.key").unlink()
    with pytest.raises(NoKey):
        Directory.open(tmp_path / "rep")


def test_what_proves_nothing_does_not_fill_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("checkweigh.witness.book.MOST_UNPROVEN", 3)
    book = Directory.create(tmp_path / "rep", "a", lambda n: bytes(n))
    witness = Witness(book.signer, book)
    witness.follow(LEDGER.verifier)
    witness.consider(HONEST.shown(0, 20), NOW)
    for size in range(1, 10):
        witness.consider(HONEST.shown(0, size), NOW)
    assert [one.what for _, one in book.evidence()] == ["rollback"] * 3
    witness.consider(Log(40, "'").shown(20, 30), NOW)
    assert len(book.evidence()) == 4


def test_the_key_of_a_witness_is_not_followed(witness):
    with pytest.raises(Refused, match="key of a witness"):
        witness.follow(witness.key)
    with pytest.raises(Refused, match="not followed yet"):
        witness.follow(Verifier("new.example", LEDGER.verifier.public), "AAAA")
