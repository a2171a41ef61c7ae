"""Pictures: charts as files of this host, drawn when somebody looks at them.

    @picture("progression")
    def _progression(known: Known, width: int, *, job: str) -> Chart: ...

    Picture.of(known, "progression", "Hewing coal, as steps", job="hewing")      in the context of a page
    {{ parts.chart(picture, numbers) }}                                         in its template

A chart is a pure function of a state of the ledger and a few words, so its address says all of it: /charts/NAME.svg?at=SIZE&job=hewing.
The page asks for nothing but that address and is there at once; the picture follows, drawn once and kept. It works without scripts,
follows light and dark, and is drawn narrower for a phone. Where scripts run, `charts.js` puts Vega in its place, with the scripts that
vl-convert carries. A picture shows what every visitor may see and nothing else: no name of a private worker.
"""

import inspect
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from .. import charts
from ..errors import Refused
from .live import Known, Live
from .page import Served, quoted
from .roles import May, Who, needs

Maker = Callable[..., "charts.Chart"]
MOST_DRAWN = 400
"""So many drawings are kept."""
PRIVATE = "private, max-age=300"
FORMS = {"svg": "image/svg+xml", "json": "application/json"}
_MAKERS: dict[str, Maker] = {}
_DRAWN: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
_DRAWING = threading.Lock()


def picture(name: str) -> Callable[[Maker], Maker]:
    """Makes a function of a state, a width and some words into a picture that has an address."""

    def named(maker: Maker) -> Maker:
        _MAKERS[name] = maker
        return maker

    return named


@dataclass(frozen=True)
class Picture:
    """A chart on a page: where it is found, and what it shows, in words."""

    name: str
    alt: str
    """What the chart shows, for those who do not see it."""
    size: int
    asked: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, known: Known, name: str, alt: str, **asked: object) -> "Picture":
        """A picture of a state. Words that are absent are left out."""
        kept = tuple((word, str(value)) for word, value in asked.items() if value is not None and value != "")
        return cls(name, alt, known.size, kept)

    def address(self, form: str = "svg", *, dark: bool = False, narrow: bool = False) -> str:
        """Where the picture is; as `json` the chart in Vega-Lite."""
        look = [("paper", "dark")] * dark + [("width", "narrow")] * narrow
        return f"/charts/{self.name}.{form}?" + urlencode([("at", self.size), *self.asked, *look], quote_via=quoted)


@get("/charts/{file:str}", opt=needs(May.READ), sync_to_thread=True, include_in_schema=False)
def chart_file(request: Request[Who, Any, Any], live: Served, file: FromPath[str]) -> Response[bytes]:
    """A picture, or the chart in Vega-Lite."""
    name, _, form = file.rpartition(".")
    if name not in _MAKERS or form not in FORMS:
        raise NotFoundException(f"there is no chart {file}")
    words = {word: value for word, value in request.query_params.items() if value}
    at, paper, width = (words.pop(word, "") for word in ("at", "paper", "width"))
    known = _state(live, at)
    key = (known.etag, len(known.ledger.erased()), name, form, paper, width, *sorted(words.items()))
    tag = f'"{sha256(repr(key).encode()).hexdigest()[:24]}"'
    headers = {"ETag": tag, "Cache-Control": PRIVATE}
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers=headers)
    wide = charts.NARROW if width == "narrow" else charts.WIDE
    drawn = _kept(key, lambda: _draw(known, name, form, paper == "dark", wide, words))
    return Response(drawn, media_type=FORMS[form], headers=headers)


def _state(live: Live, at: str) -> Known:
    now = live.now()
    return now if at in ("", str(now.size)) else live.at(at)


def _kept(key: tuple[Any, ...], draw: Callable[[], bytes]) -> bytes:
    """A drawing, drawn once; one at a time, so that pictures never take the whole machine from pages."""
    with _DRAWING:
        if key not in _DRAWN:
            _DRAWN[key] = draw()
            while len(_DRAWN) > MOST_DRAWN:
                _DRAWN.popitem(last=False)
        _DRAWN.move_to_end(key)
        return _DRAWN[key]


def _draw(known: Known, name: str, form: str, dark: bool, width: int, words: Mapping[str, str]) -> bytes:
    maker = _MAKERS[name]
    taken = {word: one for word, one in inspect.signature(maker).parameters.items() if one.kind is one.KEYWORD_ONLY}
    needed = {word for word, one in taken.items() if one.default is one.empty}
    if wrong := sorted((set(words) - set(taken)) | (needed - set(words))):
        raise Refused(f"the chart {name} takes {', '.join(taken) or 'nothing'}; look at {', '.join(wrong)}")
    chart = maker(known, width, **words)
    return (json.dumps(charts.spec(chart, dark)) if form == "json" else charts.svg(chart, dark)).encode()


ROUTES = [chart_file]
