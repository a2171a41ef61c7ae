"""Asked: what the address of a page asks for, read strictly, and options for the forms that ask it.

A choice that a page does not know is refused by name; an empty one, as a form without scripts sends it, is absent.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ..errors import Refused
from .live import Known

MOST_OPTIONS = 500


@dataclass(frozen=True)
class Option:
    """One choice of a form."""

    value: str
    label: str
    chosen: bool


class Asked:
    """The query of an address."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self._query = {name: value.strip() for name, value in query.items()}

    def text(self, name: str) -> str | None:
        """A word, or None."""
        return self._query.get(name) or None

    def one_of(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of some words. Raises Refused for another."""
        value = self._query.get(name) or default
        if value not in choices:
            raise Refused(f"{name}={value} is not a choice; choose one of {', '.join(choices)}")
        return value

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self._query.get(name, "") not in ("", "0", "no", "false")

    def whole(self, name: str, default: int, most: int) -> int:
        """A whole number from 0 to `most`. Raises Refused for anything else."""
        value = self._query.get(name) or str(default)
        if not re.fullmatch(r"[0-9]{1,6}", value) or int(value) > most:
            raise Refused(f"{name}={value} is not a number from 0 to {most}; write digits alone")
        return int(value)

    def day(self, name: str) -> date | None:
        """A date, or None. Raises Refused for what is none."""
        value = self._query.get(name)
        if not value:
            return None
        try:
            day = date.fromisoformat(value)
            return day if 1 < day.year < 9999 else date.fromisoformat("")
        except ValueError:
            raise Refused(f"{name}={value} is not a date; write one such as 1935-08-31") from None


def options(words: Mapping[str, str], chosen: str | None) -> list[Option]:
    """Options from values and labels."""
    return [Option(value, label, value == (chosen or "")) for value, label in words.items()]


def named_options(known: Known, kind: str, chosen: str | None, all_of_them: str) -> list[Option]:
    """The jobs or sites of a ledger by name, after `all_of_them`."""
    found = known.rows(kind, order=["name", "id"], limit=MOST_OPTIONS)
    words = {"": all_of_them} | {row["id"]: row["name"] for row in found}
    return options(words if chosen is None or chosen in words else words | {chosen: chosen}, chosen)


def names(known: Known, kind: str, ids: Sequence[str | None]) -> dict[str, str]:
    """What workers, crews, jobs or sites are called, as last known; those without a name by their id."""
    wanted = sorted({name for name in ids if name is not None})
    found = known.rows(kind, {"id": wanted}, order=["first_entry"]) if wanted else []
    return {name: name for name in wanted} | {row["id"]: row["name"] for row in found if row.get("name")}
