"""Signed notes and checkpoints: published examples byte for byte, and nothing else accepted."""

import json
import re

import pytest

from checkweigh import checkpoint
from checkweigh.checkpoint import (
    Checkpoint,
    Signer,
    Verifier,
    cosign,
    open_checkpoint,
    open_note,
    open_rotation,
    sign_note,
)
from checkweigh.errors import BadKey, BadSignature

SIGNER = Signer("mine.example/north", bytes(range(32)))
VERIFIER = SIGNER.verifier
NOTE = checkpoint.sign_checkpoint(Checkpoint(SIGNER.name, 3, bytes(32)), SIGNER)


def test_the_example_of_the_docstring():
    text = checkpoint.__doc__
    verifier = re.search(r"verifier  (\S+\+\S+)", text).group(1)
    note = re.search(r"note +(This .*?\n\n +— .*?)$", text, re.S | re.M).group(1)
    assert open_note(re.sub(r"\n +", "\n", note) + "\n", Verifier.parse(verifier))[0] == "This is an example message.\n"


def test_published_notes(shared):
    for case in json.loads(shared("vectors/signed_notes.json").read_text()):
        verifier = Verifier.parse(case["vkey"])
        assert str(verifier) == case["vkey"]
        text, signatures = open_note(case["note"], verifier)
        assert [signature.name for signature in signatures] == [verifier.name]
        if "skey" in case:
            signer = Signer.parse(case["skey"])
            assert (signer.private, str(signer.verifier)) == (case["skey"], case["vkey"])
            assert sign_note(text, signer) == case["note"]


def test_a_checkpoint_comes_back():
    assert open_checkpoint(NOTE, VERIFIER) == Checkpoint("mine.example/north", 3, bytes(32))
    assert NOTE.startswith(
        "mine.example/north\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— mine.example/north "
    )


def test_every_flipped_bit_of_a_checkpoint_is_refused():
    data = NOTE.encode()
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            note = flipped.decode()
        except UnicodeDecodeError:
            continue
        with pytest.raises(BadSignature):
            open_checkpoint(note, VERIFIER)


@pytest.mark.parametrize(
    "text", ["a\n03\nAA=\n", "a\n3\n", "\n3\nAAAA\n", "a\n-1\nAAAA\n", "a\n3\nAAAA\n", "a\nthree\nAAAA\n"]
)
def test_what_is_no_checkpoint_is_refused_although_it_is_signed(text):
    with pytest.raises(BadSignature, match="no checkpoint"):
        open_checkpoint(sign_note(text, SIGNER), VERIFIER)


@pytest.mark.parametrize("size", ["03", "+3", " 3", "3_0"])
def test_a_size_has_one_spelling(size):
    root = NOTE.split("\n")[2]
    with pytest.raises(BadSignature, match="no checkpoint"):
        open_checkpoint(sign_note(f"mine.example/north\n{size}\n{root}\n", SIGNER), VERIFIER)


def test_a_note_by_another_key_is_refused():
    with pytest.raises(BadSignature, match=r"not signed by mine\.example/north"):
        open_note(NOTE, Signer("mine.example/north", bytes(32)).verifier)


def test_unknown_signatures_are_passed_over_and_a_false_one_spoils_the_note():
    other = Signer("witness.example", bytes(32))
    both = sign_note(Checkpoint(SIGNER.name, 3, bytes(32)).text, SIGNER, other)
    assert [signature.name for signature in open_note(both, VERIFIER)[1]] == [SIGNER.name]
    other_text = sign_note("other\n", other).split("\n\n")[1]
    with pytest.raises(BadSignature, match=r"witness\.example does not belong"):
        open_note(NOTE + other_text, VERIFIER, other.verifier)


def test_a_witness_cosigns_with_a_moment():
    witness = Signer("witness.example", bytes(32))
    known = Verifier(witness.name, witness.verifier.public, checkpoint.COSIGNATURE)
    note = cosign(NOTE, witness, 1_700_000_000)
    text, signatures = open_note(note, VERIFIER, Verifier.parse(str(known)))
    assert text == Checkpoint(SIGNER.name, 3, bytes(32)).text
    assert [(signature.name, signature.moment) for signature in signatures[1:]] == [("witness.example", 1_700_000_000)]
    with pytest.raises(BadSignature):
        open_note(note.replace("\n3\n", "\n4\n"), known)


def test_a_rotation_hands_over_and_nothing_else_does():
    successor = Signer("mine.example/north", bytes(32)).verifier
    signature = checkpoint.sign_rotation("mine.example/north", successor, SIGNER)
    assert open_rotation("mine.example/north", str(successor), signature, VERIFIER) == successor
    for origin, text, by in [
        ("other.example", str(successor), VERIFIER),
        ("mine.example/north", str(VERIFIER), VERIFIER),
        ("mine.example/north", str(successor), successor),
    ]:
        with pytest.raises(BadSignature, match="not signed by the key before"):
            open_rotation(origin, text, signature, by)


@pytest.mark.parametrize(
    "text", ["", "a", "a+b", "a b+00000000+AAAA", "a+00000000+AAAA", "a+00000000+!", str(VERIFIER)[:-1]]
)
def test_what_is_no_verifier_key_is_refused(text):
    with pytest.raises(BadKey):
        Verifier.parse(text)


def test_a_damaged_signing_key_is_refused_and_never_repeated():
    assert Signer.parse(SIGNER.private + "\n") == SIGNER
    for text in ("", SIGNER.private[:-4], SIGNER.private.replace("mine", "yours"), str(VERIFIER), SIGNER.private[8:]):
        with pytest.raises(BadKey) as refused:
            Signer.parse(text)
        assert SIGNER.private.rpartition("+")[2] not in str(refused.value)
    assert SIGNER.private not in repr(SIGNER)
