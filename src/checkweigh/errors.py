"""Why we refuse, or stop.

    CheckweighError
    ├── Refused                 the caller can put it right; nothing was written (exit code 2)
    │   ├── BadEntry            a field is missing, unknown, or out of bounds
    │   ├── NotCanonical        bytes that are not the one canonical form of an entry
    │   ├── AlreadyRecorded     an entry with this identity is in the ledger
    │   ├── UnknownReference    an entry names a site, job, worker, ... that the ledger does not hold
    │   ├── BadRows             rows of a table cannot become entries, each with its reason
    │   ├── BeyondTheEnd        a size or an entry was asked for that the ledger does not have
    │   ├── NotALedger          the path holds no ledger that this version can open
    │   ├── NoKey               the ledger can be read here, but not written: its signing key is not at hand
    │   ├── BadKey              a text that is no signing key or verifier key
    │   ├── Busy                another process is writing to the ledger
    │   ├── CannotReach         the ledger's database cannot be reached, or was lost on the way
    │   └── CannotWrite         the disk is full or read-only
    ├── Broken                  the ledger is not what it claims to be (exit code 3)
    │   ├── BadProof            a proof does not show what it claims
    │   ├── BadReceipt          a receipt is not in the form in which it was written
    │   └── BadSignature        a signed note is malformed or not signed by the key that is known
    └── Unsure                  whether something was written could not be found out (exit code 4)

A message names what, where, and the next step. `Refused` promises that nothing was written; `Broken` is never repaired silently.
"""


class CheckweighError(Exception):
    """Base of everything that Checkweigh raises on purpose; `str()` is the one message that a user sees."""


class Refused(CheckweighError):
    """The caller can put it right, and nothing was written."""


class Broken(CheckweighError):
    """The ledger is not what it claims to be; the message says where."""


class BadEntry(Refused):
    """One or more fields of an entry are missing, unknown, or out of bounds.

    `problems` lists them all, each as (field, value or None, reason).
    """

    def __init__(self, kind: str, problems: list[tuple[str, object, str]]) -> None:
        self.kind = kind
        self.problems = problems
        super().__init__(f"{kind}: " + "; ".join(_said(*problem) for problem in problems))


def _said(field: str, value: object, reason: str) -> str:
    return f"{field}: {reason}" if value is None else f"{field} {value!r}: {reason}"


class NotCanonical(Refused):
    """Bytes that are not the one canonical form of an entry."""


class AlreadyRecorded(Refused):
    """An entry with this identity is in the ledger already, at `index`."""

    def __init__(self, kind: str, name: str, index: int) -> None:
        self.index = index
        super().__init__(
            f"{kind} {name} is already entry {index}; to correct it, add it again with replaces={index} and a note saying why"
        )


class UnknownReference(Refused):
    """An entry names something that the ledger does not hold."""


class BeyondTheEnd(Refused):
    """A size or an entry was asked for that the ledger does not have yet."""


class NotALedger(Refused):
    """The path holds no ledger that this version can open."""


class BadRows(Refused):
    """Rows of a table cannot become entries. `problems` lists them as (row, field, value or None, reason), rows counted from 0."""

    def __init__(self, kind: str, problems: list[tuple[int, str, object, str]]) -> None:
        self.kind = kind
        self.problems = problems
        shown = "; ".join(f"row {row}: {_said(field, value, reason)}" for row, field, value, reason in problems[:5])
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        super().__init__(f"{kind}: {shown}{more}")


class NoKey(Refused):
    """The ledger can be read here, but not written: its signing key is not at hand."""


class BadKey(Refused):
    """A text that is no signing key or verifier key."""


class Busy(Refused):
    """Another process is writing to the ledger."""


class CannotReach(Refused):
    """The ledger's database cannot be reached, does not let this user in, or was lost before anything was written."""


class CannotWrite(Refused):
    """The disk is full or read-only."""


class Unsure(CheckweighError):
    """The connection to the database was lost at the moment of writing, and nobody could be asked since whether it was written.

    `checkweigh landed` tells when the server answers again.
    """


class BadProof(Broken):
    """A proof does not show what it claims."""


class BadSignature(Broken):
    """A signed note is malformed or not signed by the key that is known."""


class BadReceipt(Broken):
    """A receipt is not in the form in which it was written, or not a receipt of what it is used for."""
