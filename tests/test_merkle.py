"""Trees and proofs: against published vectors, against the definition in RFC 6962, and with every hash and bit changed."""

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkweigh import merkle
from checkweigh.errors import BadProof
from checkweigh.merkle import (
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
)


def defined_root(leaves):
    """MTH of RFC 6962, section 2.1, as it is written there."""
    if not leaves:
        return merkle.EMPTY
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(defined_root(leaves[:split]), defined_root(leaves[split:]))


def reader(leaves):
    """A node reader over leaf hashes in memory."""
    return lambda level, index: defined_root(leaves[index << level : index + 1 << level])


def leaves_of(size):
    return [leaf_hash(str(index).encode()) for index in range(size)]


def test_the_example_of_the_docstring():
    hashes = re.findall(r"(leaf a|leaf b|root) +([0-9a-f]{64})", merkle.__doc__)
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert dict(hashes) == {"leaf a": left.hex(), "leaf b": right.hex(), "root": node_hash(left, right).hex()}


def test_published_roots(shared):
    vectors = json.loads(shared("vectors/rfc6962_roots.json").read_text())
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in vectors["leaves_hex"]]
    roots = [merkle.root(size, reader(leaves)).hex() for size in range(len(leaves) + 1)]
    assert roots == vectors["roots_hex_by_size"]


def decoded(texts):
    return [base64.b64decode(text) for text in texts or []]


def outcome(check, *arguments):
    try:
        check(*arguments)
    except BadProof:
        return "refused"
    return "accepted"


def test_published_inclusion_proofs(shared):
    cases = json.loads(shared("vectors/merkle_inclusion.json").read_text())
    assert len(cases) == 98
    for case in cases:
        root, leaf = decoded([case["root"], case["leafHash"]])
        found = outcome(check_inclusion, case["leafIdx"], case["treeSize"], leaf, decoded(case["proof"]), root)
        assert found == ("refused" if case["wantErr"] else "accepted"), case["case"]


def test_published_consistency_proofs(shared):
    cases = json.loads(shared("vectors/merkle_consistency.json").read_text())
    assert len(cases) == 98
    for case in cases:
        roots = decoded([case["root1"], case["root2"]])
        found = outcome(check_consistency, case["size1"], case["size2"], *roots, decoded(case["proof"]))
        assert found == ("refused" if case["wantErr"] else "accepted"), case["case"]


def changed(proof):
    """Every proof that differs from this one in one bit of one hash, in one hash missing, doubled, or of another length."""
    for at, value in enumerate(proof):
        for bit in range(0, 256, 37):
            flipped = (int.from_bytes(value) ^ (1 << bit)).to_bytes(32)
            yield [*proof[:at], flipped, *proof[at + 1 :]]
        yield [*proof[:at], *proof[at + 1 :]]
        yield [*proof[:at], value, *proof[at:]]
        yield [*proof[:at], value[:-1], *proof[at + 1 :]]
    yield [*proof, bytes(32)]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 13, 16, 21])
def test_every_inclusion_proof_holds_and_none_that_is_changed(size):
    leaves = leaves_of(size)
    root = defined_root(leaves)
    for index in range(size):
        proof = inclusion_proof(index, size, reader(leaves))
        check_inclusion(index, size, leaves[index], proof, root)
        for other in changed(proof):
            assert outcome(check_inclusion, index, size, leaves[index], other, root) == "refused"
        assert outcome(check_inclusion, index, size, leaf_hash(b"other"), proof, root) == "refused"
        assert outcome(check_inclusion, index, size, leaves[index], proof, bytes(32)) == "refused"
        assert outcome(check_inclusion, index + 1, size, leaves[index], proof, root) == "refused"


@pytest.mark.parametrize("new", [1, 2, 3, 4, 5, 7, 8, 13, 16, 21])
def test_every_consistency_proof_holds_and_none_that_is_changed(new):
    leaves = leaves_of(new)
    root = defined_root(leaves)
    for old in range(1, new + 1):
        before = defined_root(leaves[:old])
        proof = consistency_proof(old, new, reader(leaves))
        check_consistency(old, new, before, root, proof)
        for other in changed(proof):
            assert outcome(check_consistency, old, new, before, root, other) == "refused"
        assert outcome(check_consistency, old, new, bytes(32), root, proof) == "refused"
        assert outcome(check_consistency, old, new, before, bytes(32), proof) == "refused"


@pytest.mark.parametrize(("old", "new"), [(-1, 3), (0, 3), (4, 3)])
def test_no_proof_between_impossible_sizes(old, new):
    with pytest.raises(ValueError, match="not a prefix"):
        consistency_proof(old, new, reader(leaves_of(3)))
    with pytest.raises(BadProof):
        check_consistency(old, new, bytes(32), bytes(32), [])


def test_no_inclusion_proof_beyond_the_end():
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_proof(3, 3, reader(leaves_of(3)))


def grown(parts):
    """A frontier grown part by part, and the tiles that became full on the way."""
    frontier, tiles, start = merkle.Frontier(0, []), {}, 0
    for part in parts:
        full = frontier.add([leaf_hash(str(index).encode()) for index in range(start, start + part)])
        tiles |= {(level, index): hashes for level, index, hashes in full}
        start += part
    return frontier, tiles


@given(st.lists(st.integers(0, 700), max_size=6))
def test_a_frontier_has_the_root_and_the_tiles_of_the_definition(parts):
    frontier, tiles = grown(parts)
    size = sum(parts)
    leaves = leaves_of(size)
    assert frontier.size == size
    assert frontier.root() == defined_root(leaves)
    tiles |= {(level, index): hashes for level, index, hashes in frontier.partial()}
    hashes = [defined_root(leaves[at : at + 256]) for at in range(0, size - size % 256, 256)]
    assert tiles == ({(1, 0): b"".join(hashes)} if hashes else {})


def test_tiles_of_level_two():
    frontier, tiles = grown([65_536, 300])
    assert sorted(tiles) == [(1, 0)]
    assert [(level, index, len(hashes)) for level, index, hashes in frontier.partial()] == [(1, 1, 32), (2, 0, 32)]
    leaves = leaves_of(65_836)
    everything = {**tiles, **{(level, index): hashes for level, index, hashes in frontier.partial()}}

    def tile(level, index):
        return b"".join(leaves[index * 256 : index * 256 + 256]) if level == 0 else everything[level, index]

    node = merkle.node_from_tiles(tile)
    assert merkle.root(65_836, node) == frontier.root() == defined_root(leaves)
    for index in (0, 255, 256, 65_535, 65_536, 65_835):
        check_inclusion(index, 65_836, leaves[index], inclusion_proof(index, 65_836, node), frontier.root())
    for old in (1, 255, 256, 257, 65_536, 65_800):
        proof = consistency_proof(old, 65_836, node)
        check_consistency(old, 65_836, defined_root(leaves[:old]), frontier.root(), proof)


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [(0, 272, 256), (0, 273, 112), (0, 274, 0), (1, 0, 256), (1, 1, 17), (2, 0, 1), (3, 0, 0)],
)
def test_tile_widths_of_the_example_in_the_specification(level, index, width):
    assert merkle.tile_width(level, index, 70_000) == width
