"""What witnesses have said, kept beside the ledger: what is kept, what is demanded of it, and what is found when it is not true."""

from pathlib import Path

import pytest

from checkweigh import cosigned
from checkweigh.checkpoint import COSIGNATURE, Signer, Verifier, cosign, split_note
from checkweigh.errors import BadKey, BadSignature, Broken, Refused
from checkweigh.ledger import Ledger
from checkweigh.restore import restore
from checkweigh.verify import verify
from conftest import EDGE, founded, shift

SIGNER, OTHER = Signer("rep.example/second", bytes(32)), Signer("auditor.example", bytes(range(32)))
REP, AUDITOR = (Verifier(signer.name, signer.verifier.public, COSIGNATURE) for signer in (SIGNER, OTHER))
MOMENT = 1_767_225_600


def grown(ledger, name):
    """One more shift."""
    with ledger.append(EDGE) as batch:
        batch.add("shift", shift(name))


def sizes(path):
    """The sizes of the kept checkpoints, each with the names of those who signed."""
    notes = [split_note(note) for note in cosigned.kept(path)]
    return [(int(text.split("\n")[1]), sorted(found.name for found in signed)) for text, signed in notes]


def test_of_each_witness_the_newest_is_kept_and_what_nobody_needs_goes(ledger):
    origin = ledger.origin
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), SIGNER, MOMENT))
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), OTHER, MOMENT + 1))
    assert sizes(ledger.address) == [(4, ["auditor.example", origin, "rep.example/second"])]
    grown(ledger, "a")
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), SIGNER, MOMENT + 2))
    assert [size for size, _ in sizes(ledger.address)] == [5, 4]
    grown(ledger, "b")
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), SIGNER, MOMENT + 3))
    assert [size for size, _ in sizes(ledger.address)] == [6, 4]
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), OTHER, MOMENT + 4))
    assert sizes(ledger.address) == [(6, ["auditor.example", origin, "rep.example/second"])]
    assert cosigned.newest(ledger.address, REP, AUDITOR) == cosigned.kept(ledger.address)[0]


def test_a_later_cosignature_takes_the_place_of_an_earlier_one(ledger):
    for moment in (MOMENT, MOMENT + 60):
        cosigned.keep(ledger.address, cosign(ledger.checkpoint(), SIGNER, moment))
    (note,) = cosigned.kept(ledger.address)
    assert cosigned.cosigned_by(note, REP) == MOMENT + 60
    assert len(split_note(note)[1]) == 2


def test_another_checkpoint_of_the_same_size_is_never_written_over(ledger, tmp_path):
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), SIGNER, MOMENT))
    with founded(tmp_path / "other", origin=ledger.origin) as other:
        grown(other, "a")
        changed = other.checkpoint().replace("\n5\n", "\n4\n")
    with pytest.raises(Broken, match="history was rewritten"):
        cosigned.keep(ledger.address, changed)
    assert cosigned.newest(ledger.address, REP)


def test_a_witness_is_demanded(ledger):
    with pytest.raises(BadSignature, match=r"no checkpoint .* is cosigned by rep\.example"):
        verify(ledger.address, witnesses=[REP])
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), SIGNER, MOMENT))
    grown(ledger, "a")
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), OTHER, MOMENT + 5))
    grown(ledger, "b")
    found = verify(ledger.address, witnesses=[REP, AUDITOR]).cosigned
    assert [(one.witness, one.size, one.moment) for one in found] == [(REP, 4, MOMENT), (AUDITOR, 5, MOMENT + 5)]
    stranger = Verifier("stranger.example", REP.public, COSIGNATURE)
    with pytest.raises(BadSignature, match=r"stranger\.example"):
        verify(ledger.address, witnesses=[REP, stranger])


def test_a_false_cosignature_is_refused(ledger):
    note = cosign(ledger.checkpoint(), SIGNER, MOMENT)
    forged = Signer(SIGNER.name, SIGNER.seed[::-1][:31] + b"x")
    other = split_note(cosign(ledger.checkpoint(), forged, MOMENT))[1][1]
    text, signatures = split_note(note)
    lie = cosigned.Verifier(SIGNER.name, REP.public, COSIGNATURE).id + other.data
    spoilt = cosigned.join_note(text, [signatures[0], type(other)(SIGNER.name, lie[:4], lie[4:])])
    cosigned.keep(ledger.address, spoilt)
    with pytest.raises(BadSignature, match=r"rep\.example/second does not belong"):
        verify(ledger.address, witnesses=[REP])
    assert verify(ledger.address, witnesses=[]).size == 4


@pytest.mark.parametrize("moment", [0, 2**63])
def test_a_cosignature_at_a_time_that_is_none_is_refused(ledger, moment):
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), SIGNER, moment))
    with pytest.raises(BadSignature, match="a time that is none"):
        verify(ledger.address, witnesses=[REP])


def test_flipped_bits_of_a_kept_checkpoint_are_refused_when_its_witness_is_demanded(ledger):
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), SIGNER, MOMENT))
    path = next(cosigned.directory_of(ledger.address).iterdir())
    data = path.read_bytes()
    for bit in range(0, len(data) * 8, 7):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(Broken):
            verify(ledger.address, witnesses=[REP])


def test_what_a_witness_agreed_to_must_be_part_of_the_history(ledger, tmp_path):
    grown(ledger, "a")
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), SIGNER, MOMENT))
    with founded(tmp_path / "short", origin=ledger.origin) as short:
        cosigned.lay(short.address, cosigned.said(ledger.address))
        with pytest.raises(
            Broken, match=r"cosigned by rep.example/second is not signed|not signed by|entries are gone"
        ):
            verify(short.address, witnesses=[REP])


def test_a_backup_and_a_restore_take_it_along(ledger, tmp_path):
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), SIGNER, MOMENT))
    cosigned.write_witnesses(ledger.address, [cosigned.Witness("http://127.0.0.1:1", REP)])
    ledger.backup(tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "again")
    assert verify(tmp_path / "again", witnesses=[REP]).cosigned[0].size == 4
    assert cosigned.witnesses(tmp_path / "again") == cosigned.witnesses(ledger.address) != []
    (tmp_path / "third.witnesses").write_text("mine\n")
    with pytest.raises(Refused, match="exists already"):
        ledger.backup(tmp_path / "third")
    assert not (tmp_path / "third").exists()


def test_a_failed_restore_leaves_nothing(ledger, tmp_path):
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), SIGNER, MOMENT))
    ledger.backup(tmp_path / "copy")
    with Ledger.open(tmp_path / "copy", write=True) as opened, opened._store.write() as writer:
        writer.put("singles", [(1, b"{}")])
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(Broken):
        restore(tmp_path / "copy", tmp_path / "again")
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "line", ["http://a", f"ftp://a {REP}", f"http://a {SIGNER.verifier}", f"http://a {REP} x", "http://a b+c+d"]
)
def test_a_line_that_names_no_witness_is_refused_by_its_number(ledger, line):
    Path(f"{ledger.address}.witnesses").write_text(f"# remark\n\n{line}\n")
    with pytest.raises(Refused, match=r"ledger.witnesses, line 3: "):
        cosigned.witnesses(ledger.address)


def test_witnesses_come_back_as_they_were_written(ledger):
    found = [cosigned.Witness("https://a.example/w", REP), cosigned.Witness("http://127.0.0.1:8000", AUDITOR)]
    cosigned.write_witnesses(ledger.address, found)
    assert cosigned.witnesses(ledger.address) == found
    assert cosigned.witnesses("none") == []
    with pytest.raises(BadKey, match="does not cosign"):
        cosigned.cosigner(str(SIGNER.verifier))


def test_beside_a_ledger_in_a_database_they_rest_among_the_users_files(tmp_path, monkeypatch):
    monkeypatch.setenv("CHECKWEIGH_BESIDE", str(tmp_path / "beside"))
    where, found = "postgresql://anna@db.example/works?schema=north", [cosigned.Witness("http://a.example", REP)]
    cosigned.write_witnesses(where, found)
    with founded(tmp_path / "ledger") as ledger:
        cosigned.keep(where, cosign(ledger.checkpoint(), SIGNER, MOMENT))
    assert cosigned.witnesses(where) == found and len(cosigned.kept(where)) == 1
    assert (tmp_path / "beside").is_dir()
