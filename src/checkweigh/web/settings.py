"""What whoever runs the board decides."""

from dataclasses import dataclass
from typing import Literal

Visitors = Literal["board", "everything", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a board, each with its default."""

    title: str = ""
    """What stands at the head of every page; the ledger's origin where it is empty."""
    visitors: Visitors = "board"
    """What somebody who has not signed in may see: the pages without personal data, everything, or nothing."""
    read_only: bool = False
    """Whether nobody may write, whatever their role."""
    fresh_seconds: float = 0.5
    """How old the state that pages show may be before the ledger is asked again."""
    most_upload_bytes: int = 64 << 20
    """The longest file that may be uploaded."""
    most_body_bytes: int = 4 << 20
    """The longest body of any other request."""
