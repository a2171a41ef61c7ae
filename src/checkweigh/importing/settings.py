"""What an import is told: the kind of entry, which column is which field, what holds for every row, how dates are written.

The same can stand in a small TOML file:

    kind = "shift"
    dates = ["mdy"]
    create = true

    [map]
    crew = "team"

    [set]
    site = "factory"

What the command line says goes before what the file says, field by field.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..errors import Refused
from ..kinds import KINDS

Fold = Literal["earlier", "later"]
ORDERS = ("mdy", "dmy", "ymd")
NOT_IMPORTED = {"key": "is made by rotating the signing key", "erasure": "is made one by one, with its consequences"}


@dataclass(frozen=True)
class Settings:
    """How a file is to be read. Raises Refused for what cannot be meant."""

    kind: str = "shift"
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Field -> column; an empty column leaves the field out, though the file may have a column of its name."""
    constants: Mapping[str, str] = field(default_factory=dict)
    """Field -> value of every row that does not state it."""
    dates: tuple[str, ...] = ()
    """Formats of dates that are not ISO 8601: mdy, dmy, ymd, or a format such as %d.%m.%Y %H:%M."""
    create: bool = False
    """Whether missing sites, jobs, workers and crews are created."""
    accept_valid: bool = False
    """Whether the good rows go in although others are refused."""
    correct: str | None = None
    """The reason for which rows with other content replace what the ledger holds under their id."""
    fold: Fold | None = None
    """Which of two moments a local time means that a clock change made doubtful."""
    private: str | None = None
    """`worker`: workers get random ids; payroll numbers and names stay in LEDGER.private."""
    sheet: str | None = None
    """The sheet of an Excel file; by default the first."""

    only_site: str | None = None
    """The one site whose rows may go in; those of others are refused. Set by whoever lets somebody import, never by the file."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.kind in NOT_IMPORTED:
            reason = NOT_IMPORTED.get(self.kind, "is not a kind of entry")
            kinds = ", ".join(kind for kind in KINDS if kind not in NOT_IMPORTED)
            raise Refused(f"--kind {self.kind} {reason}; what can be imported: {kinds}")
        for format in self.dates:
            if format not in ORDERS and "%" not in format:
                raise Refused(f"--dates {format} is neither mdy, dmy or ymd nor a format such as %d.%m.%Y")
        if self.fold not in (None, "earlier", "later"):
            raise Refused(f"--fold {self.fold} is neither earlier nor later")
        if self.private not in (None, "worker"):
            raise Refused(f"--private {self.private} is not possible; only worker can be private")
        if self.correct is not None and not self.correct.strip():
            raise Refused("--correct needs the reason for the correction; it stays in the ledger")

    def over(self, **told: Any) -> "Settings":
        """These settings with what the command line tells: mappings and constants field by field, everything else as a whole."""
        both: dict[str, Any] = {
            name: {**getattr(self, name), **told.pop(name)} for name in ("mapping", "constants") if told.get(name)
        }
        return replace(self, **both, **{name: value for name, value in told.items() if value})


_NAMES = {"map": "mapping", "set": "constants"}
_SHAPES: dict[str, Any] = {
    "kind": str, "map": dict, "set": dict, "dates": (str, list), "create": bool, "accept_valid": bool, "correct": str,
    "fold": str, "private": str, "sheet": str,
}  # fmt: skip


def settings_from(path: str | Path) -> Settings:
    """The settings that a TOML file holds. Raises Refused, naming the file, when it holds anything else."""
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # TOML, UTF-8, a number too long, brackets too deep
        raise Refused(f"{path} is not TOML: {error}") from None
    for name, value in found.items():
        if name not in _SHAPES:
            raise Refused(f"{path}: {name} is not a setting of an import; there are {', '.join(_SHAPES)}")
        if not isinstance(value, _SHAPES[name]):
            raise Refused(f"{path}: {name} = {value!r} is not of the right shape; see docs/importing.md")
    if isinstance(found.get("dates"), str):
        found["dates"] = [found["dates"]]
    found["dates"] = tuple(map(str, found.get("dates", ())))
    for table in ("map", "set"):
        found[table] = {field: str(value) for field, value in found.get(table, {}).items()}
    return Settings(**{_NAMES.get(name, name): value for name, value in found.items()})
