"""Cells of a column as values of a field: trimmed and normal texts, exact decimals, helpers.

A column that is clean is converted as a whole; only the distinct values of what is left are looked at one by one, by
the rules of `fields`, so that a cell means what it would mean at the command line. What cannot be read is a problem
of its row, with the reason.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import arrays, bounds, codec, entries, fields

_ANY_LENGTH = 1 << 30
_HELPER = r"^(?P<worker>[^:;,\[]*[^:;,\[\s]):(?P<role>[^:;,]*):(?P<hours>[0-9]{1,6}(?:\.[0-9]{1,6})?)$"
_PLAIN = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"
# An object of a JSON array of helpers, as programs write it: printable ASCII without what parts helpers, no blank at an end.
_SIGN = r"[!#-+\-./0-9<-Z^-z|~]"
_TEXT = rf"{_SIGN}(?: *{_SIGN})*"
_HOURS = r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,6})?"
_OBJECT = rf'\{{"worker": ?"({_TEXT})", ?"hours": ?(?:"({_HOURS})"|({_HOURS}))(?:, ?"role": ?"({_TEXT})")?\}}'
_OBJECTS = rf"^\[{_OBJECT}(?:, ?{_OBJECT})*\]$"


@dataclass(frozen=True)
class Problem:
    """That some rows cannot be read: which, in what field, what they say, why not."""

    rows: Any
    field: str
    values: Any
    reason: str


def clean(texts: Any) -> Any:
    """Texts without blanks at either end, in NFC; null where nothing is left."""
    if bounds.is_plain(texts, _ANY_LENGTH, trimmed=True):
        return texts
    coded = texts.dictionary_encode()
    tidy = [unicodedata.normalize("NFC", text.strip()) or None for text in coded.dictionary.to_pylist()]
    return arrays.texts(tidy).take(coded.indices)


def filled(texts: Any, constant: str) -> Any:
    """The texts with a constant where there is none."""
    return arrays.filled(texts, constant)


def constant(text: str, rows: int) -> Any:
    """A column that says the same in every row."""
    return pa.DictionaryArray.from_arrays(
        arrays.numbers(np.zeros(rows, np.int32)), arrays.texts([text])
    ).dictionary_decode()


def exact(kind: str, name: str, texts: Any, read: Callable[[str], object] | None = None) -> tuple[Any, list[Problem]]:
    """A decimal column from texts, with the problems of the rows that are none; `read` reads one distinct text."""
    wanted = codec.schema(kind).field(name).type
    try:
        return texts.cast(wanted), []
    except pa.ArrowInvalid:
        pass
    plain = arrays.filled(pc.match_substring_regex(texts, _PLAIN), False)
    try:
        values = pc.if_else(plain, texts, pa.scalar(None, pa.string())).cast(wanted)
    except pa.ArrowInvalid:  # too many digits for this field
        plain = pa.array(np.zeros(len(texts), np.bool_))
        values = pa.nulls(len(texts), wanted)
    rest = np.flatnonzero(arrays.numpy_of(pc.and_(pc.invert(plain), texts.is_valid())))
    reader = read or _READERS[entries.column_of(kind, name)]
    found, problems = one_by_one(name, texts, rest, lambda text: bounded(kind, name, str(reader(text))))
    return pc.coalesce(values, found.cast(wanted)), problems


@lru_cache(100_000)
def _judged(kind: str, name: str, text: str) -> str | None:
    return bounds.judged(kind, name, text)


def bounded(kind: str, name: str, text: str) -> str:
    """A canonical text as it is. Raises Unreadable when it is out of the bounds of its field."""
    if (reason := _judged(kind, name, text)) is not None:
        raise fields.Unreadable(reason)
    return text


_READERS: dict[str, Callable[[str], object]] = {
    "quantity": fields.decimal, "hours": fields.hours, "labour_hours": fields.hours, "headcount": fields.decimal,
    "ratio": fields.ratio,
}  # fmt: skip


def one_by_one(
    name: str, texts: Any, rows: Any, read: Callable[[str], object], kind: Any = None
) -> tuple[Any, list[Problem]]:
    """The values of some rows, each distinct text read once; null elsewhere. Texts that raise Unreadable become problems."""
    coded = texts.take(arrays.numbers(rows)).dictionary_encode()
    values: list[Any] = []
    problems: list[Problem] = []
    places = arrays.numpy_of(coded.indices)
    for place, text in enumerate(coded.dictionary.to_pylist()):
        try:
            values.append(read(text))
        except fields.Unreadable as reason:
            values.append(None)
            here = rows[places == place]
            problems.append(Problem(here, name, text, str(reason)))
    where = np.full(len(texts), -1, np.int64)
    where[rows] = places
    found = arrays.texts(values) if kind is None else pa.array(values, kind)
    return found.take(arrays.numbers(where, where >= 0)), problems


def helpers(name: str, texts: Any) -> tuple[Any, list[Problem]]:
    """Helpers from `bo:timberer:5.75;cy::5.75`, or from JSON; `none` states that there were none."""
    rows = np.flatnonzero(arrays.numpy_of(texts.is_valid()))
    plain, listed = _plain_helpers(_unpacked(texts.drop_null()))
    if plain.all():
        return _spread(listed, rows, len(texts)), []
    found, problems = one_by_one(name, texts, rows[~plain], _helpers, pa.list_(codec.HELPER))
    # Plain rows are taken from their own array, which stands behind the one of all rows.
    places = np.arange(len(texts))
    places[rows[plain]] = len(texts) + np.arange(len(listed))
    return pa.concat_arrays([found, listed]).take(arrays.numbers(places)) if len(listed) else found, problems


def _spread(lists: Any, rows: Any, length: int) -> Any:
    """Lists as those of some rows among so many; the others are null."""
    lengths, absent = np.zeros(length + 1, np.int32), np.ones(length, np.bool_)
    lengths[rows + 1], absent[rows] = arrays.numpy_of(pc.list_value_length(lists)), False
    offsets = np.cumsum(lengths, dtype=np.int32)
    return pa.ListArray.from_arrays(arrays.numbers(offsets), lists.values, type=lists.type, mask=arrays.flags(absent))


def _unpacked(texts: Any) -> Any:
    """Plain JSON arrays of helpers as `bo:timberer:5.75;cy::5.75`; other texts as they are."""
    packed = pc.match_substring_regex(texts, _OBJECTS)
    if not pc.any(packed).as_py():
        return texts
    parted = pc.replace_substring_regex(texts.filter(packed), rf"{_OBJECT}(?:, ?)?", r"\1:\4:\2\3;")
    return pc.replace_with_mask(texts, packed, pc.utf8_slice_codeunits(parted, 1, -2))


def _plain_helpers(texts: Any) -> tuple[Any, Any]:
    """Which texts name helpers in the usual way, and the lists of those."""
    parts = pc.split_pattern(texts, ";")
    found = pc.extract_regex(pc.list_flatten(parts), _HELPER)
    lengths = arrays.numpy_of(pc.list_value_length(parts))
    row_of = np.repeat(np.arange(len(texts)), lengths)
    plain = np.ones(len(texts), np.bool_)
    plain[row_of[arrays.numpy_of(found.is_null())]] = False
    kept = found.filter(arrays.flags(plain[row_of]))
    columns = [clean(pc.struct_field(kept, part)) for part in ("worker", "hours", "role")]
    columns[1] = columns[1].cast(codec.HELPER.field("hours").type)
    offsets = np.concatenate([[0], np.cumsum(lengths[plain])]).astype(np.int32)
    values = pa.StructArray.from_arrays(columns, fields=list(codec.HELPER))
    return plain, pa.ListArray.from_arrays(arrays.numbers(offsets), values)


def _helpers(text: str) -> list[dict[str, Any]]:
    parts = [text] if text.startswith("[") else [part.strip() for part in text.split(";") if part.strip()]
    named = [helper for part in parts for helper in fields.helpers(part)]
    for helper in named:
        if "hours" not in helper or "worker" not in helper:
            raise fields.Unreadable("needs a worker and hours for each helper, such as bo:timberer:5.75;cy::5.75")
        if (reason := _judged("shift", "hours", helper["hours"])) is not None:
            raise fields.Unreadable(f"hours of {helper['worker']}: {reason}")
    return [{"worker": one["worker"], "hours": Decimal(one["hours"]), "role": one.get("role")} for one in named]


def listed(text: str) -> list[str]:
    """The ids of `a;b`, of `a,b` or of a JSON array."""
    parts = [text] if text.startswith("[") else text.split(";") if ";" in text else text.split(",")
    found = [name for part in parts for name in (fields.texts(part) if text.startswith("[") else [part.strip()])]
    return [name for name in found if name]
