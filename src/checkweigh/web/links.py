"""Links, and words of status, which stand on a page by the hundred: templates have them as `parts.shift(id)` and so on.

They are functions, not macros of a template, because a macro takes five times as long.
"""

from functools import lru_cache
from urllib.parse import quote

from markupsafe import Markup, escape


def shift(id: str) -> Markup:
    """A link to the page of a shift."""
    return _link("/shifts/", id, id)


def worker(id: str, name: str | None = None) -> Markup:
    """A link to the page of a worker."""
    return _link("/workers/", id, name or id)


def crew(id: str, name: str | None = None) -> Markup:
    """A link to the page of a crew."""
    return _link("/crews/", id, name or id)


def party(is_crew: bool, id: str, name: str) -> Markup:
    """A link to the page of a worker or of a crew."""
    return _link("/crews/" if is_crew else "/workers/", id, name)


def entry(index: int) -> Markup:
    """A link to the page of an entry."""
    return Markup(f'<a class="entry" href="/ledger/{index:d}">entry {index:d}</a>')


@lru_cache(maxsize=64)
def status(word: str) -> Markup:
    """A status, in its colour."""
    said = escape(word)
    return Markup(f'<span class="status status-{said.replace(" ", "-")}">{said}</span>')


def _link(place: str, id: str, said: str) -> Markup:
    return Markup(f'<a href="{place}{quote(id)}">{escape(said)}</a>')
