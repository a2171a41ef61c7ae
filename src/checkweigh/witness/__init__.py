"""The second book: a witness that agrees to a ledger's checkpoints as long as they tell one history, and keeps what contradicts it.

    submission  what a witness is shown: a signed checkpoint, and the proof that it continues the last one
    decision    agree or refuse: pure
    evidence    two signed checkpoints that contradict each other, as a file that anyone can check
    book        what a witness remembers: one directory
    serving     the same over HTTP (C2SP tlog-witness)

A witness knows no ledger and no store: what it needs is in the checkpoints that it is shown.
"""

from .book import Book, Directory, Page, Witness
from .decision import Answer, Conflict, Followed, decide
from .evidence import Evidence
from .submission import Submission

__all__ = [
    "Answer",
    "Book",
    "Conflict",
    "Directory",
    "Evidence",
    "Followed",
    "Page",
    "Submission",
    "Witness",
    "decide",
]
