"""Parameters of a derivation, described so that command line, web and docs follow from them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """One keyword of a `derive` function. `kind` is choice, flag, whole, ratio or text; absent means that everything is wanted."""

    name: str
    kind: str
    help: str
    choices: tuple[str, ...] = ()
    default: Any = None
    most: float | None = None
    """The largest that a ratio may be; it is above 0."""
