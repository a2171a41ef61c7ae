"""Fuzzing of small things that come from outside: notes, checkpoints, keys, entries, settings, fields at the command line."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkweigh import checkpoint, codec, entries, fields, importing
from checkweigh.checkpoint import COSIGNATURE, Checkpoint, Signer, Verifier
from checkweigh.errors import CheckweighError
from checkweigh.kinds import KINDS
from damage import damaged, examples, promised

SIGNER = Signer("mine.example/north", bytes(range(32)))
OTHER = Signer("mine.example/north", bytes(range(1, 33)))
WITNESS = Signer("witness.example", bytes(32))
NOTE = checkpoint.sign_checkpoint(Checkpoint(SIGNER.name, 1935, bytes(range(32))), SIGNER)
COSIGNED = checkpoint.cosign(NOTE, WITNESS, 1_767_225_600)
KEYS = (SIGNER.verifier, Verifier(WITNESS.name, WITNESS.verifier.public, COSIGNATURE))


def text_of(data):
    """Bytes as a face hands them on: as text, whatever they are."""
    return data.decode("utf-8", "surrogateescape")


@given(damaged([NOTE.encode(), COSIGNED.encode(), f"{NOTE}extension\n".encode()]))
@examples(200)
def test_notes_and_checkpoints(data):
    note = text_of(data)
    with promised("notes"):
        text, signatures = checkpoint.split_note(note)
        assert [signature.moment >= 0 for signature in signatures]
        assert Checkpoint.parse(text).size >= 0
    for keys in (KEYS, KEYS[:1], KEYS[1:]):
        with promised("checkpoints"):
            found = checkpoint.open_checkpoint(note, *keys)
            assert (found.size, found.root) == (1935, bytes(range(32))), "nothing but what was signed is opened"


@given(damaged([str(key).encode() for key in KEYS]))
@examples(150)
def test_verifier_keys(data):
    with promised("verifier keys"):
        key = Verifier.parse(text_of(data))
        assert str(key) == text_of(data).strip()
        assert not key.accepts(b"message", b"signature") and not key.accepts_note("text\n", b"")


@given(damaged([SIGNER.private.encode()]))
@examples(150)
def test_signing_keys(data):
    with promised("signing keys"):
        try:
            key = Signer.parse(text_of(data))
            assert key.private == text_of(data).strip()
        except CheckweighError as error:
            assert SIGNER.private[-30:] not in str(error), "a key is never repeated"
            raise


ROTATION = checkpoint.sign_rotation(SIGNER.name, OTHER.verifier, SIGNER)


@given(damaged([str(OTHER.verifier).encode()]), damaged([ROTATION.encode()]))
@examples(100)
def test_rotations(successor, signature):
    with promised("rotations"):
        found = checkpoint.open_rotation(SIGNER.name, text_of(successor), text_of(signature), SIGNER.verifier)
        assert found == OTHER.verifier


ENTRIES = [
    b'{"by":"login:a","hours":"5.75","helpers":[{"hours":"1","role":"timberer","worker":"b"}],"id":"s","job":"j","kind":"shift","quantity":"1.5",'
    b'"recorded":"2026-01-01T00:00:00.5Z","salt":"AAAAAAAAAAAAAAAA","site":"p","started":"2025-01-01T06:00:00Z","worker":"w"}'.replace(
        b'"hours":"5.75","helpers":[{"hours":"1","role":"timberer","worker":"b"}]',
        b'"helpers":[{"hours":"1","role":"timberer","worker":"b"}],"hours":"5.75"',
    ),
    b'{"by":"login:a","conditions":{"at_least":"2","measure":"attainment","period":"month"},"from":"2025-01-01","gives":"a title","id":"r",'
    b'"kind":"rule","recorded":"2026-01-01T00:00:00Z"}',
    b'{"by":"login:a","from":"2025-01-01","id":"c","kind":"crew","members":["a","b"],"name":"C","note":"n","recorded":"2026-01-01T00:00:00Z",'
    b'"replaces":3,"void":true}',
    b'{"by":"login:a","hours":"6","kind":"verdict","quantity":"7","reason":"r","recorded":"2026-01-01T00:00:00Z","ruling":"adjusted",'
    b'"salt":"AAAAAAAAAAAAAAAA","shift":"s"}',
]  # fmt: skip


@given(damaged(ENTRIES))
@examples(400)
def test_entries(data):
    with promised("entries"):
        entry = codec.decode(data)
        assert codec.encode(entry) == data
        kind = entries.kind_of(entry)
        table = codec.decode_table(kind, [data.decode()])
        assert table.num_rows == 1
        same = (
            codec.encode_table(kind, codec.decode_table(kind, [data.decode()]), {"salt": "A" * 16})
            if kind == "crew"
            else None
        )
        assert same is None or json.loads(same[0].as_py())["id"] == json.loads(data)["id"]


def test_the_entries_to_damage_are_entries():
    for data in ENTRIES:
        assert codec.encode(codec.decode(data)) == data


TOML = b"""kind = "shift"
dates = ["mdy", "%d.%m.%Y"]
create = true
accept_valid = false
fold = "earlier"
private = "worker"
sheet = "May"
correct = "misread"

[map]
crew = "team"

[set]
quota_hours = 7.5
site = "factory"
from = 2025-01-01
"""


@given(damaged([TOML]))
@examples(250)
def test_settings(data):
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "settings.toml"
        path.write_bytes(data)
        with promised("settings"):
            found = importing.settings_from(path)
            assert all(
                isinstance(text, str) for text in (*found.mapping.values(), *found.constants.values(), *found.dates)
            )


class Held:
    """What `fields` asks a ledger for: any id is a job in tonnes at a site in Moscow."""

    unit, timezone, job, shift = "tonne", "Europe/Moscow", "hew", "s"


FIELDS = {
    "shift": b"id=s|crew=red|job=hew|site=north|started=2025-08-31T06:00|ended=2025-08-31 12:00+03:00|hours=5:45|quantity=102,000.5 kg|"
    b'headcount=1.5|helpers=bo:timberer:5.75,cy::5.75|claimed_attainment=1457 %|cites=["a","b"]|precision=month|note=n',
    "rule": b'id=r|gives=a title|from=2025-01-01|conditions.measure=attainment|conditions.at_least=200%|conditions.shifts_at_least=1,204',
    "crew": b"id=c|name=C|from=2025-01-01|members=ada,bo|replaces=3|void=yes|note=never was",
    "verdict": b'shift=s|ruling=adjusted|headcount=2.5|reason=r|quantity=7 t|hours=6|helpers=[{"worker": "bo", "hours": 5.50}]',
    "source": b"id=x|title=T|publisher=P|published=2019-08|locator=p. 3",
    "rule2": b'id=r|gives=t|from=2025-01-01|conditions={"measure": "quantity", "at_least": 1.50, "record": true}',
}  # fmt: skip


@pytest.mark.parametrize("which", FIELDS)
def test_the_fields_to_damage_can_be_read(which):
    kind = which.rstrip("2")
    assert built(kind, FIELDS[which].split(b"|"), None)


def built(kind, arguments, fold):
    given = fields.read(kind, [text_of(argument) for argument in arguments], lambda kind, name: Held, fold)
    own = {"salt": "A" * 16} if "salt" in entries.fields(kind) else {}
    return codec.encode(entries.build(kind, {"recorded": "2026-01-01T00:00:00Z", "by": "login:a", **own, **given}))


@given(st.sampled_from(sorted(FIELDS)).flatmap(lambda kind: st.tuples(st.just(kind), damaged([FIELDS[kind]]))),
       st.sampled_from((None, "earlier", "later")), st.sampled_from((None, *KINDS, "tale")))  # fmt: skip
@examples(400)
def test_fields_at_the_command_line(written, fold, other):
    which, data = written
    kind = which.rstrip("2") if other is None else other
    with promised("fields"):
        encoded = built(kind, data.split(b"|"), fold)
        assert codec.encode(codec.decode(encoded)) == encoded, "what a field is read as is canonical"
