"""Bundles: 256 entries at rest, packed in bulk as one by one."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from checkweigh import bundles


def test_bundles_are_framed_as_the_docstring_says():
    assert bundles.frame([b"ab", b"c"]).hex(" ") == "00 02 61 62 00 01 63"
    assert "00 02 61 62 00 01 63" in bundles.__doc__


@given(st.lists(st.text(max_size=50).map(str.encode), min_size=512, max_size=512))
@settings(max_examples=10)
def test_bundles_are_packed_in_bulk_as_one_by_one(entries):
    packed = bundles.pack_table(pa.array([b"before", *entries], pa.large_binary())[1:])
    assert [bundles.unpack(bundle, "here") for bundle in packed] == [entries[:256], entries[256:]]
    assert bundles.unpack_table(packed, 0).to_pylist() == [entry.decode() for entry in entries]
    assert bundles.unpack(bundles.pack(entries[:256]), "here") == entries[:256]
