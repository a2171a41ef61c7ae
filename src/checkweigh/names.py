"""Who is who in a ledger: from a name to the entries that speak of it, and to the one that stands.

The index of identities only points; here every pointer is followed and compared. Of the entries of one identity the first counts, and after
it each that replaces the one standing before; where a ledger written elsewhere repeats an identity without `replaces`, the repetition is
passed over (the audit says so).
"""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from . import arrays
from .identities import Fresh, Identities, Marks, joined, key_hashes
from .kinds import KINDS
from .snapshot import Named, named

VERSIONED = frozenset(kind for kind, fields in KINDS.items() if len(fields.id_fields) == 2)
"""Kinds whose identity has a date: several entries of one id may stand, each from its day on."""
MOST_KNOWN = 8192
"""So many names are remembered with what was found under them."""
Found = tuple[int, Named]
Known = dict[tuple[str, str], list[Found]]
"""Keys, and what was found under them."""
Indices = npt.NDArray[np.int64]
Candidates = tuple[Indices, Indices]
"""Pairs of a row and the index of an entry that probably has the row's name as its key."""


class Names:
    """Looks up names among the entries of a snapshot and, in a batch, those that it has added."""

    def __init__(
        self, identities: Identities, fresh: Fresh, entry: Callable[[int], bytes], known: Known | None = None
    ) -> None:
        """`known` is what was found among the same entries before; it is not looked up again."""
        self._identities = identities
        self._fresh = fresh
        self._entry = entry
        self.known: Known = {} if known is None else known

    def versions(self, kind: str, name: str) -> list[Found]:
        """Every entry that has this key, ascending: of an id all that were ever added, of ("verdict", shift) the verdicts on it."""
        if (known := self.known.get((kind, name))) is not None:
            return known
        indices = self._identities.candidates(kind, name) + self._fresh.candidates(kind, name)
        candidates = ((index, named(self._entry(index), index)) for index in indices)
        found = [(index, entry) for index, entry in candidates if _has_key(entry, kind, name)]
        if found:
            if len(self.known) >= MOST_KNOWN:
                self.known.clear()
            self.known[kind, name] = found
        return found

    def forget(self, kind: str | None = None, name: str = "") -> None:
        """An entry was added that has a key; or, where none is given, many."""
        if kind is None:
            self.known.clear()
        else:
            self.known.pop((kind, name), None)

    def find(self, kind: str, name: str) -> list[int]:
        """The indices of `versions`."""
        return [index for index, _ in self.versions(kind, name)]

    def standing(self, kind: str, name: str) -> list[Found]:
        """The entries that stand for an id: at most one, of a worker or a crew one for each day from which a version is valid."""
        return standing_among(self.versions(kind, name))

    def ruling(self, shift: str) -> Found | None:
        """The last verdict on a shift that is neither replaced nor void."""
        verdicts = self.versions("verdict", shift)
        replaced = {entry.replaces for _, entry in verdicts}
        left = [(index, entry) for index, entry in verdicts if index not in replaced and not entry.void]
        return left[-1] if left else None

    def standing_of_all(self, kind: str, ids: pa.Array, candidates: Candidates | None = None) -> dict[int, list[Found]]:
        """Row -> the entries that stand for its id, for the rows whose id is known; few reads however many rows.

        `candidates`, where the caller has them, are `candidates_of_all(kind, ids)`.
        """
        rows, indices = candidates or self.candidates_of_all(kind, ids)
        found: dict[int, list[Found]] = {}
        order = np.argsort(indices, kind="stable")
        asked = ids.take(arrays.numbers(rows[order])).to_pylist()
        for index, row, name in zip(indices[order].tolist(), rows[order].tolist(), asked, strict=True):
            entry = named(self._entry(index), index)
            if _has_key(entry, kind, name):
                found.setdefault(row, []).append((index, entry))
        return {row: standing_among(versions) for row, versions in found.items()}

    def candidates_of_all(self, kind: str, ids: pa.Array, hashes: Marks | None = None) -> Candidates:
        """Every pair of a name and an entry that probably has it as its key.

        `hashes`, where the caller has them, are `key_hashes(kind, ids)`.
        """
        hashes = key_hashes(kind, ids) if hashes is None else hashes
        order = np.argsort(hashes)
        ordered = hashes[order]
        pairs = [self._identities.candidates_of_all(ordered), joined(self._fresh.sources(), ordered)]
        rows: Indices = order[np.concatenate([positions for positions, _ in pairs])]
        return rows, np.concatenate([indices for _, indices in pairs])


def _has_key(entry: Named, kind: str, name: str) -> bool:
    if kind == "replaces":
        return entry.id is None and str(entry.replaces) == name
    if kind in ("verdict", "key", "erasure"):
        return entry.kind == kind and (entry.shift or "") == name
    return entry.kind == kind and entry.id == name


def standing_among(versions: Iterable[Found]) -> list[Found]:
    """Which of the entries of one id stand: per day of validity the first, or what replaced it."""
    standing: dict[str | None, Found] = {}
    for index, entry in versions:
        before = standing.get(entry.from_ if entry.kind in VERSIONED else None)
        if before is None or before[0] == entry.replaces:
            standing[entry.from_ if entry.kind in VERSIONED else None] = (index, entry)
    return list(standing.values())
