"""Forms: what stands in their fields, and how several fields become one value."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Request
from litestar.enums import RequestEncodingType
from litestar.params import Body

from ..errors import BadEntry
from .choices import party_named
from .live import Known
from .roles import Who

Asked = Request[Who, Any, Any]
Form = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.URL_ENCODED)]
HELPER_LINES = range(1, 7)
"""The lines that a form has for helpers."""


SAID_ON_A_FORM = (
    (r"pass --create\b", "let it create what is missing"),
    (r"pass --correct REASON to", "give a reason to"),
    (r"pass --fold earlier or --fold later", "choose one under “Where the clocks changed”"),
    (r"pass --dates (\w+) if (.*), --dates (\w+) if", r"write \1 under “How dates are written” if \2, \3 if"),
    (r"with --dates\b", "under “How dates are written”"),
    (r"pass --map field=column or --set field=value", "say which column it is, or what holds for every row"),
    (r"--map (\S+?)(?=:|\s|$)", r"\1 under “Which column is which field”"),
    (r"--set (\S+?)(?=:|\s|$)", r"\1 under “What holds for every row”"),
    (r"--dates (\S+)", r"\1 under “How dates are written”"),
)
"""What messages call an option of the command line, and where the form of a file has it."""


def on_a_form(said: str) -> str:
    """A message about a file, for whoever has the form before them and no command line."""
    for option, field in SAID_ON_A_FORM:
        said = re.sub(option, field, said)
    return said


class Written(dict[str, str]):
    """What stands in the fields of a form; nothing in those that were never filled in."""

    def __missing__(self, name: str) -> str:
        return ""


def text_of(form: Mapping[str, Any], name: str) -> str:
    """One field of a form as text; of several of the same name the last."""
    value = form.get(name, "")
    return str(value[-1] if isinstance(value, list) and value else value or "").strip()


def helpers(known: Known, form: Mapping[str, Any], kind: str = "shift") -> str:
    """Helpers as the ledger reads them: nothing where they are not stated, `none`, or a JSON array."""
    stated = text_of(form, "helpers")
    lines = [(text_of(form, f"helper{n}"), text_of(form, f"role{n}"), text_of(form, f"hours{n}")) for n in HELPER_LINES]
    named = [line for line in lines if line[0]]
    if stated != "named" and not named:
        return stated if stated == "none" else ""
    if not named:
        raise BadEntry(kind, [("helpers", None, "are to be named, and no name is given; write who helped")])
    if stated == "none":
        raise BadEntry(kind, [("helpers", None, "are none, and some are named; choose one of the two")])
    whole = text_of(form, "hours")
    return json.dumps([_helper(kind, known, *line, whole) for line in named])


def _helper(kind: str, known: Known, name: str, role: str, hours: str, whole: str) -> dict[str, str]:
    """One helper; without hours of their own they worked as long as the shift."""
    try:
        party, worker = party_named(known, name)
    except BadEntry as error:
        raise BadEntry(kind, [("helpers", name, error.problems[0][2])]) from None
    if party != "worker":
        raise BadEntry(kind, [("helpers", name, "is a crew; name each helper alone")])
    if not (hours or whole):
        raise BadEntry(kind, [("helpers", name, "worked for how long? Write the hours")])
    return {"worker": worker, "hours": hours or whole, **({"role": role} if role else {})}
