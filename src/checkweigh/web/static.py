"""Style sheet, scripts and fonts: every file comes from this host, under a name that changes with its content.

/static/NAME.HASH.ENDING      kept by browsers for a year
/static/vega.HASH.js          the scripts of Vega, as vl-convert carries them; they are put together when first asked for
"""

import mimetypes
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from .roles import May, needs

ASSETS = Path(__file__).parent / "assets"
FONTS = {
    "font_source_sans_pro": (
        "SourceSansPro-Regular",
        "SourceSansPro-It",
        "SourceSansPro-Semibold",
        "SourceSansPro-Black",
    ),
    "font_source_serif_pro": ("SourceSerifPro-Regular", "SourceSerifPro-Semibold", "SourceSerifPro-Black"),
}
VEGA = "vega.js"
YEAR = "public, max-age=31536000, immutable"
mimetypes.add_type("font/ttf", ".ttf")
mimetypes.add_type("text/javascript", ".js")


@cache
def _files() -> dict[str, bytes]:
    """Every file by its plain name; the style sheet names its fonts by their hashed addresses."""
    found = {path.name: path.read_bytes() for path in ASSETS.iterdir() if path.is_file()}
    for package, names in FONTS.items():
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            folder = Path(spec.origin).parent / "files"
            found |= {f"{name}.ttf": (folder / f"{name}.ttf").read_bytes() for name in names}
    sheet = found["style.css"].decode()
    for name in [name for name in found if name.endswith(".ttf")]:
        sheet = sheet.replace(f"/static/{name}", _hashed(name, found[name]))
    return found | {"style.css": sheet.encode()}


def _hashed(name: str, content: bytes) -> str:
    stem, _, ending = name.rpartition(".")
    return f"/static/{stem}.{sha256(content).hexdigest()[:12]}.{ending}"


@cache
def _by_address() -> dict[str, tuple[str, bytes]]:
    return {_hashed(name, content): (name, content) for name, content in _files().items()}


@cache
def address(name: str) -> str:
    """The address of a file of `assets`, with the hash of what it holds; of `vega.js` with that of its version."""
    return _hashed(name, _vega_version() if name == VEGA else _files()[name])


def content(name: str) -> bytes:
    """What a file of `assets` holds."""
    return _files()[name]


@cache
def _vega_version() -> bytes:
    import vl_convert

    return repr(
        (version("vl-convert-python"), vl_convert.get_vega_version(), vl_convert.get_vega_embed_version())
    ).encode()


@cache
def _vega() -> bytes:
    """Vega, Vega-Lite and Vega-Embed in one file."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")).encode()


@get("/static/{name:str}", opt=needs(May.ALWAYS), sync_to_thread=True, include_in_schema=False)
def static_file(name: FromPath[str]) -> Response[bytes]:
    """A file under its hashed name."""
    found = (VEGA, _vega()) if f"/static/{name}" == address(VEGA) else _by_address().get(f"/static/{name}")
    if found is None:
        raise NotFoundException(f"there is no file {name}")
    kind = mimetypes.guess_type(found[0])[0] or "application/octet-stream"
    return Response(found[1], media_type=kind, headers={"Cache-Control": YEAR})


ROUTES = [static_file]
