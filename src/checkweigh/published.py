"""A log as others publish it (C2SP tlog-tiles): reads the checkpoint and the tiles of a directory or a web server, and proves from them.

Nothing that is read is trusted: a proof is checked against signed roots by whoever asked for it, and what is missing or of the wrong
length is said to be.
"""

from collections.abc import Callable
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from . import merkle
from .checkpoint import Checkpoint, split_note
from .errors import Broken, Refused
from .merkle import HASH_BYTES, TILE_WIDTH
from .tiles import CHECKPOINT, KEYS, path_of

PATIENCE_SECONDS = 10.0
MOST_BYTES = 65_536

Fetch = Callable[[str], bytes | None]
"""What a path holds, relative to the log; None where there is nothing."""


class Published:
    """A published log. Its tiles are read as they are needed, each once."""

    def __init__(self, name: str, fetch: Fetch) -> None:
        self.name = name
        self._fetch = fetch
        self._tiles: dict[tuple[int, int], bytes] = {}

    @cached_property
    def note(self) -> str:
        """The checkpoint as a signed note, not verified. Raises Refused where there is none."""
        data = self._fetch(CHECKPOINT)
        if data is None:
            raise Refused(f"{self.name} holds no checkpoint; name the directory or the address of an exported log")
        return data.decode("utf-8", "replace")

    @cached_property
    def keys(self) -> list[str]:
        """The verifier keys that it says it has had, the first one first; none where it does not say."""
        return (self._fetch(KEYS) or b"").decode("utf-8", "replace").split()

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """What the note states."""
        return Checkpoint.parse(split_note(self.note)[0])

    def root(self, size: int) -> bytes:
        """The root that the tiles have at a size."""
        return merkle.root(size, merkle.node_from_tiles(self._tile))

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """The hashes that prove the tree of `old` entries to be a prefix of that of `new`."""
        return merkle.consistency_proof(old, new, merkle.node_from_tiles(self._tile))

    def _tile(self, level: int, index: int) -> bytes:
        if (level, index) not in self._tiles:
            width = merkle.tile_width(level, index, self.checkpoint.size)
            data = self._fetch(path_of(level, index, width))
            if data is None and width < TILE_WIDTH:
                # A log may drop a partial tile once the whole one is there.
                data = self._fetch(path_of(level, index))
            if data is None or len(data) < width * HASH_BYTES:
                raise Broken(f"{self.name}: {path_of(level, index, width)} is missing or too short")
            self._tiles[level, index] = data[: width * HASH_BYTES]
        return self._tiles[level, index]


def in_directory(directory: Path) -> Published:
    """The log in a directory."""

    def fetch(path: str) -> bytes | None:
        place = directory / path
        return place.read_bytes()[:MOST_BYTES] if place.is_file() else None

    return Published(str(directory), fetch)


def at_address(address: str) -> Published:
    """The log on a web server. Reading raises Refused where it cannot be reached."""

    def fetch(path: str) -> bytes | None:
        try:
            with urlopen(f"{address.rstrip('/')}/{path}", timeout=PATIENCE_SECONDS) as response:
                return bytes(response.read(MOST_BYTES))
        except HTTPError as error:
            with error:
                if error.code in (404, 410):
                    return None
                raise Refused(f"{address}/{path}: the server answers {error.code}; try again later") from None
        except (OSError, HTTPException, ValueError) as error:
            raise Refused(f"{address} cannot be reached: {getattr(error, 'reason', None) or error}") from None

    return Published(address, fetch)
