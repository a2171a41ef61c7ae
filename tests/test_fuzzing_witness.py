"""Fuzzing of what a witness and its ledger read from each other, and of evidence."""

from hypothesis import given

from checkweigh import cosigned
from checkweigh.checkpoint import COSIGNATURE, cosign, split_note
from checkweigh.submitting import Reply, submit
from checkweigh.witness import Submission, Witness
from checkweigh.witness.evidence import check, parse
from checkweigh.witness.serving import Application
from conftest import founded
from damage import damaged, examples, promised
from test_witness import HONEST, LEDGER, NOW, REP, Memory, evidence_of_a_fork

EVIDENCE = evidence_of_a_fork()
BODIES = [HONEST.shown(0, 7).body, HONEST.shown(7, 20).body, HONEST.shown(7, 7).body]


def following(old=7):
    """A witness that has agreed to so many entries."""
    witness = Witness(REP, Memory())
    witness.follow(LEDGER.verifier)
    witness.consider(HONEST.shown(0, old), NOW)
    return witness


@given(damaged(BODIES))
@examples(300)
def test_submissions(data):
    witness = following()
    with promised("submissions"):
        shown = Submission.parse(data)
        assert shown.body == data, "one spelling only"
        considered = witness.consider(shown, NOW)
        if considered.answer.status == 200:
            found = split_note(considered.note)[0].split("\n")
            assert found[:3] == HONEST.note(int(found[1])).split("\n")[:3], (
                "nothing but what the ledger signed is agreed to"
            )


@given(damaged([EVIDENCE.text.encode()]))
@examples(300)
def test_evidence(data):
    with promised("evidence"):
        found = parse(data)
        agreed, shown = check(found, LEDGER.verifier)
        assert (agreed.size, shown.size) == (7, 9)


@given(damaged([f"{LEDGER.name}\n{LEDGER.verifier}\n{'A' * 86}==\n".encode()]))
@examples(200)
def test_handovers(data):
    application = Application.__new__(Application)
    application._witness = following()
    with promised("handovers"):
        application._add_handover(data)
    assert application._witness.followed(LEDGER.name).keys == (LEDGER.verifier,)


def test_answers_of_a_witness(tmp_path):
    with founded(tmp_path / "ledger") as ledger:
        line = cosign(ledger.checkpoint(), REP, 1_767_225_600).split("\n")[-2] + "\n"
        witness = cosigned.Witness("http://127.0.0.1:1", following().key)

        @given(damaged([line.encode(), b"4\n", b"no\n", line.encode() * 2]))
        @examples(150)
        def answers(data):
            for status in (200, 409, 403, 422):
                with promised("answers"):
                    outcome = submit(
                        ledger, witness, lambda *given, status=status: Reply(status, data.decode("utf-8", "replace"))
                    )
                    assert outcome.kind != "agreed" or status == 200
                    note = cosigned.newest(ledger.address, witness.key)
                    assert (note is not None) or outcome.kind != "agreed"

        answers()


def test_the_file_of_witnesses(tmp_path):
    ledger = tmp_path / "ledger"

    @given(damaged([f"# remark\nhttp://a.example {following().key}\n".encode()]))
    @examples(200)
    def named(data):
        cosigned.witnesses_path(ledger).write_bytes(data)
        with promised("witnesses"):
            assert all(one.key.algorithm == COSIGNATURE for one in cosigned.witnesses(ledger))

    named()


def test_kept_checkpoints(tmp_path):
    with founded(tmp_path / "ledger") as ledger:
        note = cosign(ledger.checkpoint(), REP, 1_767_225_600)
        cosigned.keep(ledger.address, note)
        path = next(cosigned.directory_of(ledger.address).iterdir())
        key = following().key

        @given(damaged([note.encode()]))
        @examples(200)
        def kept(data):
            path.write_bytes(data)
            with promised("kept checkpoints"):
                found = cosigned.newest(ledger.address, key)
                assert found is None or split_note(found)[0] == split_note(note)[0]

        kept()
