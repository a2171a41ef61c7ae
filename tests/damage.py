"""Damaged inputs: valid ones with bytes flipped, cut, repeated, put in or spliced, and the promise that every reader keeps.

Whatever is read from outside, nothing is raised but Refused or Broken, and it does not take for ever. `tried` counts the inputs per
target; the long form prints it.
"""

import os
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from checkweigh.errors import CheckweighError

SECONDS = 20
"""The longest that one damaged input may take."""
tried: Counter[str] = Counter()
TOKENS = [
    b"", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\n", b"\n\n", b"\r\n", b"\t", b" ", b"\xc2\xa0", b"\xe2\x80\xa8", b'"',
    b'""', b"'", b",", b";", b"|", b"=", b"+", b"-", b".", b"0", b"-1", b"1e999", b"1e-99", b"NaN", b"inf", b"9" * 40, b"0." + b"1" * 40,
    b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"\xf0\x9f\x92\xa5", b"e\xcc\x81", b"[", b"]", b"{", b"}", b"[" * 2000, b"{" * 2000, b"null",
    b"true", b"A" * 5000, b"9999-12-31T23:59:59Z", b"0001-01-01", b"2025-02-30", b"\xd9\xa1\xd9\xa2", b"\xe2\x80\x94 ", b"2" + b"0" * 4400,
    b"18446744073709551616",
]  # fmt: skip


def long_form():
    """Whether the long form was asked for, and how many examples a target then gets."""
    return int(os.environ.get("CHECKWEIGH_FUZZ", "0"))


def examples(short):
    """The settings of a fuzzing test: so many examples, or in the long form as many as were asked for."""
    return settings(
        max_examples=long_form() or short,
        deadline=None,
        derandomize=not long_form(),
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


edits = st.lists(
    st.tuples(
        st.sampled_from(("flip", "flip", "set", "cut", "repeat", "token", "token", "truncate", "swap")),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
        st.integers(1, 64),
        st.sampled_from(TOKENS),
    ),
    max_size=6,
)


@dataclass(frozen=True)
class Change:
    """How one of some valid inputs is damaged: up to six edits, perhaps of two inputs spliced. Small, however large the inputs are."""

    which: float
    splice: tuple[float, float, float] | None
    edits: tuple

    def of(self, seeds):
        """The damaged input."""
        data = seeds[int(self.which * len(seeds))]
        if self.splice is not None:
            other, cut, begin = self.splice
            other = seeds[int(other * len(seeds))]
            data = data[: int(len(data) * cut)] + other[int(len(other) * begin) :]
        for edit in self.edits:
            data = edited(data, *edit)
        return data


fractions = st.floats(0, 1, exclude_max=True)
splices = st.integers(0, 7).flatmap(lambda chance: st.none() if chance else st.tuples(fractions, fractions, fractions))
changes = st.builds(Change, fractions, splices, edits.map(tuple))


def damaged(seeds):
    """Damaged inputs from these valid ones."""
    return changes.map(lambda change: change.of(seeds))


def edited(data, what, place, byte, length, token):
    """The data after one edit at a place, a fraction of its length."""
    at = int(place * len(data))
    if what == "flip" and data:
        return data[:at] + bytes([data[at] ^ 1 << byte % 8]) + data[at + 1 :]
    if what == "set" and data:
        return data[:at] + bytes([byte]) + data[at + 1 :]
    if what == "cut":
        return data[:at] + data[at + length :]
    if what == "repeat":
        return data[:at] + data[at : at + length] * (1 + byte) + data[at + length :]
    if what == "truncate":
        return data[:at]
    if what == "swap":
        return data[:at] + data[at + length : at + 2 * length] + data[at : at + length] + data[at + 2 * length :]
    return data[:at] + token + data[at + (length if byte % 2 else 0) :]


@contextmanager
def promised(target):
    """That what is read within raises nothing but Refused or Broken, and ends in time."""
    tried[target] += 1
    begun = time.monotonic()
    try:
        yield
    except CheckweighError as error:
        assert str(error).strip(), "a refusal says why"
    taken = time.monotonic() - begun
    assert taken < SECONDS, f"{target} took {taken:.1f} s"
