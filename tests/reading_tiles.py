"""A reader of tiled transparency logs over HTTP, written from the specifications alone.

C2SP tlog-tiles, tlog-proof, tlog-checkpoint and signed-note, and RFC 6962. It shares no code with what it reads. It takes a URL prefix, or
a proof, and a verifier key, and believes nothing that it has not hashed itself.
"""

import base64
import hashlib
import struct
import urllib.error
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class NotALog(Exception):
    """What is served is not the log that the key signed."""


def demand(condition, said):
    if not condition:
        raise NotALog(said)


def leaf(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def tree_hash(leaves):
    """MTH of RFC 6962, section 2.1, over leaf hashes."""
    if len(leaves) == 0:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def number_path(n):
    """The index of a tile as path elements of three digits, all but the last beginning with x."""
    digits = str(n)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    elements = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join(["x" + element for element in elements[:-1]] + elements[-1:])


class Key:
    """A verifier key for Ed25519 signatures of notes."""

    def __init__(self, vkey):
        self.name, key_id, key = vkey.split("+", 2)
        key = base64.b64decode(key)
        demand(key[0] == 1 and len(key) == 33, "no Ed25519 key")
        self.id = hashlib.sha256(self.name.encode() + b"\n" + key).digest()[:4]
        demand(self.id.hex() == key_id, "the id of the key does not fit")
        self.key = Ed25519PublicKey.from_public_bytes(key[1:])

    def opened(self, note):
        """(size, root) of a checkpoint, whose signature is verified."""
        body, _, signatures = note.rpartition("\n\n")
        body += "\n"
        origin, size, root = body.split("\n")[:3]
        demand(origin == self.name, "a checkpoint of another log")
        signed = False
        for line in signatures.splitlines():
            dash, name, signature = line.split(" ")
            demand(dash == "\u2014", "no signature line")
            raw = base64.b64decode(signature)
            if (name, raw[:4]) == (self.name, self.id):
                try:
                    self.key.verify(raw[4:], body.encode())
                except InvalidSignature:
                    raise NotALog("the signature is false") from None
                signed = True
        demand(signed, "not signed by the log")
        demand(str(int(size)) == size, "a size in another spelling")
        return int(size), base64.b64decode(root)


class Log:
    """A log at a URL prefix, with the key that its owner has given out."""

    def __init__(self, prefix, vkey):
        self.prefix = prefix.rstrip("/")
        self.key = Key(vkey)
        self.fetched = 0

    def get(self, path):
        self.fetched += 1
        try:
            with urllib.request.urlopen(f"{self.prefix}/{path}", timeout=120) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            error.close()
            raise NotALog(f"{path}: {error.code}") from None

    def checkpoint(self):
        """(size, root) of the newest checkpoint, whose signature is verified."""
        return self.key.opened(self.get("checkpoint").decode())

    def widths(self, count):
        """(index, width) of the tiles that hold so many things; the last may be partial."""
        return [(n, min(256, count - 256 * n)) for n in range(-(-count // 256))]

    def tile(self, level, n, width):
        """The hashes of a tile."""
        data = self.get(f"tile/{level}/{number_path(n)}" + ("" if width == 256 else f".p/{width}"))
        demand(len(data) == 32 * width, f"tile {level}/{n} has {len(data)} bytes")
        return [data[at : at + 32] for at in range(0, len(data), 32)]

    def bundle(self, n, width):
        """The entries of a bundle."""
        data = self.get(f"tile/entries/{number_path(n)}" + ("" if width == 256 else f".p/{width}"))
        entries = []
        while data:
            (length,) = struct.unpack(">H", data[:2])
            demand(len(data) >= 2 + length, f"bundle {n} is cut short")
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
        demand(len(entries) == width, f"bundle {n} holds {len(entries)} entries")
        return entries

    def check(self):
        """Everything: signature, bundles, tiles on every level, root. Returns the entries."""
        size, root = self.checkpoint()
        entries = [entry for n, width in self.widths(size) for entry in self.bundle(n, width)]
        hashes, level = [leaf(entry) for entry in entries], 0
        demand(tree_hash(hashes) == root, "the entries do not lead to the signed root")
        while hashes:
            served = [found for n, width in self.widths(len(hashes)) for found in self.tile(level, n, width)]
            demand(served == hashes, f"the tiles of level {level} are not the hashes of what is below")
            hashes = [tree_hash(hashes[at : at + 256]) for at in range(0, len(hashes) - 255, 256)]
            level += 1
        return entries

    def inclusion(self, index):
        """The entry, its audit path (RFC 6962, section 2.1.1) made from tiles, and the size and root that it leads to."""
        size, root = self.checkpoint()
        entry = self.bundle(index // 256, min(256, size - index // 256 * 256))[index % 256]
        return entry, self.path(index, 0, size), size, root

    def path(self, index, start, stop):
        """PATH of RFC 6962 for the entries start..stop-1."""
        if stop - start == 1:
            return []
        k = 1 << (stop - start - 1).bit_length() - 1
        if index < start + k:
            return [*self.path(index, start, start + k), self.range_hash(start + k, stop)]
        return [*self.path(index, start + k, stop), self.range_hash(start, start + k)]

    def range_hash(self, start, stop):
        """The tree hash of entries start..stop-1 from as few tiles as hold it: level by level where it fills whole ones."""
        if stop - start > 256:
            k = 1 << (stop - start - 1).bit_length() - 1
            if stop - start != 2 * k or stop - start > 65_536:
                return hashlib.sha256(
                    b"\x01" + self.range_hash(start, start + k) + self.range_hash(start + k, stop)
                ).digest()
        level = 1 if stop - start > 256 else 0
        below, first, last = 256**level, start // 256**level, stop // 256**level
        demand(first * below == start and last * below == stop, "a range that no tile holds")
        size = self.checkpoint()[0] // below
        tile = self.tile(level, first // 256, min(256, size - first // 256 * 256))
        return tree_hash(tile[first % 256 : first % 256 + last - first])


def leads_to(entry, index, path, size, root):
    """Whether an audit path leads from an entry to a root, going down the tree as RFC 6962 builds it."""

    def climb(start, stop, rest):
        if stop - start == 1:
            return leaf(entry) if not rest else b""
        if not rest:
            return b""
        k = 1 << (stop - start - 1).bit_length() - 1
        if index < start + k:
            return hashlib.sha256(b"\x01" + climb(start, start + k, rest[:-1]) + rest[-1]).digest()
        return hashlib.sha256(b"\x01" + rest[-1] + climb(start + k, stop, rest[:-1])).digest()

    return climb(0, size, path) == root


def proven(proof, vkey):
    """The entry that a C2SP tlog-proof carries as its extra data, once it is proven, and its index."""
    head, _, note = proof.partition("\n\n")
    first, extra, index, *hashes = head.split("\n")
    demand(first == "c2sp.org/tlog-proof@v1" and extra.startswith("extra ") and index.startswith("index "), "no proof")
    entry, index = base64.b64decode(extra[6:]), int(index[6:])
    size, root = Key(vkey).opened(note)
    demand(0 <= index < size, "an index beyond the end")
    demand(leads_to(entry, index, [base64.b64decode(line) for line in hashes], size, root), "the hashes lead elsewhere")
    return entry, index
