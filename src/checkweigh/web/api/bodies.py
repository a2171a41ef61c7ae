"""What a request carries, read strictly: JSON in UTF-8, each name once, no null, numbers as they were written, not nested deeply."""

import json
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException

from ...errors import Refused

DEEPEST = 8
Json = dict[str, Any] | list[Any] | str | bool


class Written(str):
    """A number, as it was written: nothing of it is rounded."""


def check_type(request: Request[Any, Any, Any], *accepted: str) -> str:
    """The type of a body. Raises an exception for one that is not read here."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoded = request.headers.get("content-encoding", "identity").lower()
    if given not in accepted or encoded != "identity":
        what = f"{given or 'nothing'}" + (f", encoded as {encoded}" if encoded != "identity" else "")
        raise HTTPException(
            status_code=415,
            detail=f"the body says that it is {what}; send {' or '.join(accepted)} with that Content-Type",
        )
    return given


def read(data: bytes) -> Json:
    """What a body says. Raises Refused for what is not strict JSON."""
    try:
        found = json.loads(
            data.decode("utf-8"),
            parse_int=Written,
            parse_float=Written,
            parse_constant=_no_number,
            object_pairs_hook=_object,
        )
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError:
        raise Refused("the body is not UTF-8 text") from None
    except UnicodeEncodeError:
        raise Refused("the body holds half of a surrogate pair, which is no character") from None
    except json.JSONDecodeError as error:
        raise Refused(f"the body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise Refused(f"the body is nested more than {DEEPEST} deep") from None
    _check(found, 0)
    return found  # type: ignore[no-any-return]


def _no_number(written: str) -> Any:
    raise Refused(f"the body holds {written}, which is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused(f"the body names {twice[:80]!r} twice in one object; which of the two is meant?")
    return found


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise Refused(f"the body is nested more than {DEEPEST} deep")
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _check(part, depth + 1)
