"""Canonical bytes: one by one and whole tables give the same, and nothing else is an entry."""

import datetime
import re
import unicodedata
from decimal import Decimal

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkweigh import codec, entries
from checkweigh.errors import BadEntry, NotCanonical

RECORDED = {"recorded": "2026-01-01T00:00:00Z", "by": "login:anna"}
SALT = "AAAAAAAAAAAAAAAA"


def built(kind, **fields):
    return entries.build(kind, {**RECORDED, **fields})


def test_the_example_of_the_docstring_is_canonical():
    example = re.search(r'^ +(\{"by".*\})$', codec.__doc__, re.M).group(1).encode()
    assert codec.encode(codec.decode(example)) == example


def test_keys_are_sorted_as_utf_16_and_absent_fields_left_out():
    job = built("job", id="hew", name="Hewing", industry="coal", unit="t", better="higher")
    assert codec.encode(job) == (
        b'{"better":"higher","by":"login:anna","id":"hew","industry":"coal","kind":"job","name":"Hewing",'
        b'"recorded":"2026-01-01T00:00:00Z","unit":"t"}'
    )


SHIFT = (
    b'{"by":"login:a","id":"s","job":"j","kind":"shift","quantity":"1","recorded":"2026-01-01T00:00:00Z",'
    b'"salt":"AAAAAAAAAAAAAAAA","site":"p","started":"2025-01-01T06:00:00Z","worker":"w"}'
)


def test_the_plain_shift_is_an_entry():
    assert codec.encode(codec.decode(SHIFT)) == SHIFT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"1"', b'"1.0"'), (b'"1"', b'"01"'), (b'"1"', b'"+1"'), (b'"1"', b'"1e0"'), (b'"1"', b'"-1"'), (b'"1"', b'"-0"'),
        (b'"1"', b"1"), (b'"1"', b"null"), (b"06:00:00Z", b"06:00:00.0Z"), (b"06:00:00Z", b"06:00:00+00:00"),
        (b"2025-01-01T", b"2025-02-30T"), (b'"id":"s"', b'"id":" s"'), (b'"id":"s"', b'"id":"\\u0073"'),
        (b'"id":"s"', b'"id":"s","hours":null'), (b'"id":"s"', b'"unknown":"s"'), (b'"id":"s",', b""),
        (b'{"by"', b'{ "by"'), (b'"w"}', b'"w"}\n'), (b'"w"}', b'"w"'), (b'"kind":"shift"', b'"kind":"tale"'),
        (b'"id":"s"', "\"id\":\"e\u0301\"".encode()), (b'"id":"s"', b'"id":"\xff"'), (b'"s"', b'"s\\u0001"'),
        (b'"worker":"w"', b'"crew":"c","worker":"w"'), (b',"worker":"w"', b""),
        (b'"id":"s"', b'"hours":"24.5","id":"s"'), (b'"1"', b'"1234567890"'), (b'"1"', b'"0.1234567891"'),
    ],
)  # fmt: skip
def test_what_is_not_canonical_is_refused(old, new):
    assert old in SHIFT
    with pytest.raises((NotCanonical, BadEntry)):
        codec.decode(SHIFT.replace(old, new, 1))


def test_an_entry_of_more_than_65535_bytes_is_refused():
    worker = "x" * 190
    many = [{"worker": f"{worker}{n}", "hours": "1"} for n in range(400)]
    shift = built(
        "shift",
        id="s",
        job="j",
        site="p",
        quantity="1",
        started="2025-01-01T06:00:00Z",
        salt=SALT,
        worker="w",
        helpers=many,
    )
    with pytest.raises(BadEntry, match="at most 65535"):
        codec.encode(shift)


def test_every_problem_of_an_entry_is_named_at_once():
    with pytest.raises(BadEntry) as refused:
        built("shift", job=" j", site="p", quantity="-1", started="yesterday", salt=SALT, worker="w", colour="red")
    assert {field for field, _, _ in refused.value.problems} == {"id", "job", "quantity", "started", "colour"}


TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('"\\\n\t\u2028😀'), min_size=1, max_size=12
).map(lambda text: unicodedata.normalize("NFC", text))
IDS = (
    TEXT.map(lambda text: text.replace("\n", "").replace("\t", "").strip())
    .filter(bool)
    .filter(lambda text: not re.search(r"^\s|\s$", text))
)


def decimals(before, after):
    return st.integers(1, 10 ** (before + after) - 1).map(lambda n: entries.decimal_text(Decimal(n).scaleb(-after)))


MOMENTS = st.datetimes(min_value=datetime.datetime(1900, 1, 1), max_value=datetime.datetime(2100, 1, 1)).map(
    lambda when: entries.time_text(when.replace(tzinfo=datetime.UTC))
)
HELPERS = st.lists(
    st.fixed_dictionaries({"worker": IDS.map("h".__add__), "hours": decimals(2, 6)}, optional={"role": TEXT}),
    max_size=3,
)
SHIFTS = st.fixed_dictionaries(
    {"id": IDS, "job": IDS, "site": IDS, "started": MOMENTS, "quantity": decimals(9, 9), "salt": st.just(SALT),
     "worker": IDS.map("w".__add__)},
    optional={
        "hours": st.integers(1, 24_000_000).map(lambda n: entries.decimal_text(Decimal(n).scaleb(-6))), "helpers": HELPERS,
        "quota": IDS, "claimed_attainment": decimals(12, 6),
        "precision": st.sampled_from(["month", "year"]),
        "note": TEXT, "evidence": TEXT, "cites": st.lists(IDS, min_size=1, max_size=3),
    },
)  # fmt: skip
QUOTAS = st.fixed_dictionaries(
    {
        "id": IDS,
        "job": IDS,
        "quantity": decimals(9, 9),
        "per": st.sampled_from(["worker", "crew"]),
        "from": st.dates().map(str),
    },
    optional={"basis": st.sampled_from(["history", "decree"]), "hours": decimals(6, 6), "consequence": TEXT},
)


def typed(kind, rows):
    schema = codec.schema(kind)
    names = [name for name in schema.names if any(name in row for row in rows)]
    return pa.table({name: _column([row.get(name) for row in rows], schema.field(name).type) for name in names})


def _column(values, kind):
    if pa.types.is_decimal(kind):
        values = [None if value is None else Decimal(value) for value in values]
    if pa.types.is_timestamp(kind):
        values = [None if value is None else entries.moment(value).replace(tzinfo=None) for value in values]
    if pa.types.is_date(kind):
        values = [None if value is None else datetime.date.fromisoformat(value) for value in values]
    if kind == pa.list_(codec.HELPER):
        values = [None if value is None else [{**h, "hours": Decimal(h["hours"])} for h in value] for value in values]
    return pa.array(values, kind)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.tuples(st.just("shift"), st.lists(SHIFTS, min_size=1, max_size=6)),
        st.tuples(st.just("quota"), st.lists(QUOTAS, min_size=1, max_size=6)),
    )
)
def test_whole_tables_give_byte_for_byte_what_one_by_one_gives(case):
    kind, rows = case
    check_table(kind, rows)
    # The same values over and over are written another way: each distinct one once.
    check_table(kind, rows * 16)


def check_table(kind, rows):
    one_by_one = [codec.encode(built(kind, **row)) for row in rows]
    table = typed(kind, rows)
    assert [row.encode() for row in codec.encode_table(kind, table, RECORDED).to_pylist()] == one_by_one
    read = codec.decode_table(kind, pa.array([data.decode() for data in one_by_one]))
    assert (
        read.select([name for name in table.column_names if name != "salt"]).to_pylist()
        == table.select([name for name in table.column_names if name != "salt"]).to_pylist()
    )
    for data in one_by_one:
        assert codec.encode(codec.decode(data)) == data


def test_every_kind_decodes_into_its_columns():
    for kind in entries.KINDS:
        assert codec.decode_table(kind, pa.array([], pa.string())).schema == codec.SCHEMAS[kind]


def test_null_is_refused_everywhere():
    for name in msgspec.json.decode(SHIFT):
        fields = {**msgspec.json.decode(SHIFT), name: None}
        with pytest.raises((NotCanonical, BadEntry)):
            codec.decode(msgspec.json.encode(fields, order="sorted"))
