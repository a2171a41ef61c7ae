"""The exported log: an independent reader over HTTP finds it whole, whenever and however often it was exported or interrupted."""

import fcntl
import os
import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from checkweigh import cosigned, tiles
from checkweigh.checkpoint import Signer, cosign
from checkweigh.errors import BadSignature, Broken, Busy, Refused
from checkweigh.ledger import Ledger, verifiers
from conftest import EDGE, founded, shifts
from reading_tiles import Log, NotALog, leads_to, number_path
from test_verify import change, forge


class Quiet(SimpleHTTPRequestHandler):
    """A plain web server that says nothing."""

    def log_message(self, *said):
        pass


@pytest.fixture
def www(tmp_path):
    """A directory, and the address at which a web server offers it."""
    directory = tmp_path / "www"
    directory.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield directory, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def grow(ledger, count):
    """Append so many plain shifts."""
    start = ledger.size
    with ledger.append(EDGE) as batch:
        batch.add_table("shift", shifts([f"s{start + number}" for number in range(count)]))


def exported(ledger, directory, **options):
    with ledger.snapshot() as snapshot:
        return tiles.export(snapshot, verifiers(snapshot), Path(directory), **options)


def files(directory):
    """Every file of a directory with its bytes."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def entries_of(ledger):
    return [entry for _, entry in ledger.entries()]


@pytest.mark.parametrize("index", [0, 7, 999, 1000, 1_234_067, 1_000_000, 999_999_999])
def test_paths_are_those_of_the_specification(index):
    assert tiles.path_of(3, index) == f"tile/3/{number_path(index)}"


def test_the_example_of_the_docstring(www, tmp_path):
    assert tiles.path_of(0, 1_234_067) == "tile/0/x001/x234/067" in tiles.__doc__
    last = re.search(r"ends with (\S+), (\S+), (\S+) and (\S+)\.", tiles.__doc__.replace("\n", " ")).groups()
    assert last == tuple(
        tiles.path_of(*where) for where in [(0, 273, 112), (1, 1, 17), (2, 0, 1), (tiles.ENTRIES, 273, 112)]
    )


def test_a_log_with_tiles_on_three_levels_is_read_from_a_web_server(ledger, www):
    directory, url = www
    grow(ledger, 70_000 - ledger.size)
    seen = []
    done = exported(ledger, directory, progress=lambda done, total: seen.append((done, total)))
    assert (done.before, done.size, done.files) == (0, 70_000, 274 + 274 + 2 + 1)
    assert seen[-1] == (70_000, 70_000) and len(seen) == 274
    reader = Log(url, ledger.verifier)
    assert reader.check() == entries_of(ledger)
    assert reader.fetched == 274 + 274 + 2 + 1 + 1
    for path in ("tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/273.p/112"):
        assert (directory / path).is_file()
    for index in (0, 255, 256, 65_535, 65_536, 69_887, 69_999):
        entry, path, size, root = reader.inclusion(index)
        assert (entry, path) == (ledger.entry(index), ledger.inclusion_proof(index, size))
        assert leads_to(entry, index, path, size, root)
        assert not leads_to(entry, index - 1 if index else 1, path, size, root)


def test_an_empty_log_has_a_checkpoint_and_no_tiles(tmp_path, www):
    directory, url = www
    with Ledger.create(tmp_path / "ledger", edge=EDGE) as ledger:
        exported(ledger, directory)
        assert Log(url, ledger.verifier).check() == []
    assert sorted(files(directory)) == ["checkpoint", "keys"]


def test_each_export_adds_and_never_writes_a_full_tile_again(ledger, www, tmp_path):
    directory, url = www
    before = {}
    for count in (0, 1, 250, 1, 1, 0, 255, 256, 600, 3):
        if count:
            grow(ledger, count)
        done = exported(ledger, directory)
        assert done.size == ledger.size and (done.files > 0) == (done.before < done.size)
        assert Log(url, ledger.verifier).check() == entries_of(ledger)
        full = {path: path.stat() for path in directory.rglob("*") if path.is_file() and path.parent.suffix != ".p"}
        kept = {path: (s.st_ino, s.st_mtime_ns) for path, s in full.items() if path.name not in ("checkpoint", "keys")}
        assert before.items() <= kept.items()
        before = kept
        assert not [path for path in kept if path.with_name(path.name + ".p").exists()], "replaced by a whole tile"
    exported(ledger, tmp_path / "at-once")
    assert files(tmp_path / "at-once").items() <= files(directory).items()


def test_nothing_new_writes_nothing(ledger, tmp_path):
    exported(ledger, tmp_path / "www")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "www").rglob("*")}
    assert exported(ledger, tmp_path / "www") == tiles.Exported(4, 4, 0)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "www").rglob("*")} == before


class Killed(BaseException):
    """What a power cut is to the program."""


def cut_after(monkeypatch, writes):
    """The lights go out in the middle of the write after so many."""
    put, left = tiles._put, [writes]

    def written(path, data):
        if not left[0]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f".{path.name}.new").write_bytes(data[: len(data) // 2])
            raise Killed
        left[0] -= 1
        put(path, data)

    monkeypatch.setattr(tiles, "_put", written)


def test_a_reader_never_misses_what_a_checkpoint_demands_wherever_an_export_stops(ledger, www, monkeypatch, tmp_path):
    """Also the partial tiles of the older checkpoint, which somebody may be reading meanwhile, stay until the newer one is shown."""
    directory, url = www
    grow(ledger, 246)
    exported(ledger, directory)
    reader = Log(url, ledger.verifier)
    early, copy = entries_of(ledger), tmp_path / "early"
    shutil.copytree(directory, copy)
    grow(ledger, 350)
    assert exported(ledger, tmp_path / "whole").size == 600
    for writes in range(100):
        shutil.rmtree(directory)
        shutil.copytree(copy, directory)
        with monkeypatch.context() as patch:
            cut_after(patch, writes)
            try:
                exported(ledger, directory)
                break
            except Killed:
                assert reader.check() == early
        exported(ledger, directory)
        assert reader.check() == entries_of(ledger)
        left = {name: data for name, data in files(directory).items() if not name.endswith(".new")}
        assert files(tmp_path / "whole").items() <= left.items()
    assert writes == 9, "two bundles and two tiles, a partial bundle and its two tiles, the keys and the checkpoint"


def test_the_keys_are_all_there_and_the_last_one_signs(ledger, www):
    directory, url = www
    exported(ledger, directory)
    first = ledger.verifier
    ledger.rotate(EDGE)
    exported(ledger, directory)
    assert (directory / "keys").read_text().splitlines() == [first, ledger.verifier]
    assert Log(url, ledger.verifier).check() == entries_of(ledger)
    with pytest.raises(NotALog, match="not signed"):
        Log(url, first).check()


def test_cosignatures_are_shown_when_they_come(ledger, www):
    directory, url = www
    exported(ledger, directory)
    note = cosign(ledger.checkpoint(), Signer("witness.example", bytes(32)), 1_700_000_000)
    assert exported(ledger, directory, note=note).files == 0
    assert (directory / "checkpoint").read_text() == note
    assert Log(url, ledger.verifier).check() == entries_of(ledger)


@pytest.mark.parametrize(
    "path", ["tile/0/000", "tile/0/001.p/4", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/4", "checkpoint"]
)
def test_the_reader_of_these_tests_finds_a_changed_bit_in_any_file(ledger, www, path):
    directory, url = www
    grow(ledger, 256)
    exported(ledger, directory)
    data = bytearray((directory / path).read_bytes())
    data[len(data) // 2] ^= 1
    (directory / path).write_bytes(data)
    with pytest.raises(Exception, match=r".") as error:
        Log(url, ledger.verifier).check()
    assert isinstance(error.value, NotALog | ValueError)
    (directory / path).unlink()
    with pytest.raises(NotALog, match="404"):
        Log(url, ledger.verifier).check()


def test_what_lies_there_already_is_left_alone(ledger, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("dear")
    with pytest.raises(Refused, match="is not empty"):
        exported(ledger, tmp_path / "full")
    with pytest.raises(Refused, match="is a file"):
        exported(ledger, tmp_path / "full" / "letter")
    assert files(tmp_path / "full") == {"letter": b"dear"}


def test_the_log_of_another_ledger_is_left_alone(ledger, tmp_path):
    exported(ledger, tmp_path / "www")
    before = files(tmp_path / "www")
    with founded(tmp_path / "other") as other, pytest.raises(Refused, match="of another ledger"):
        exported(other, tmp_path / "www")
    with founded(tmp_path / "third", origin=ledger.origin) as third, pytest.raises(Refused, match="of another ledger"):
        exported(third, tmp_path / "www")
    assert files(tmp_path / "www") == before


@pytest.fixture
def forked(ledger, tmp_path):
    """A ledger whose log was exported, and which then rewrote an entry with its own key, and grew."""
    grow(ledger, 2)
    exported(ledger, tmp_path / "www")
    grow(ledger, 1)
    entries = entries_of(ledger)
    entries[4] = entries[4].replace(b'"quantity":"7"', b'"quantity":"9"')
    forge(ledger.address.path, entries)
    return ledger


def test_a_forked_history_is_not_put_over_the_one_that_people_have_seen(forked, tmp_path):
    before = files(tmp_path / "www")
    with pytest.raises(Broken, match="another history of its first 6 entries"):
        exported(forked, tmp_path / "www")
    assert files(tmp_path / "www") == before


def test_a_ledger_that_was_cut_short_is_not_put_over_the_longer_one(ledger, tmp_path):
    ledger.backup(tmp_path / "early")
    grow(ledger, 1)
    exported(ledger, tmp_path / "www")
    with (
        Ledger.open(tmp_path / "early") as early,
        pytest.raises(Broken, match="5 entries, and the ledger holds only 4"),
    ):
        exported(early, tmp_path / "www")


@pytest.mark.parametrize("data", [b"", b"\xff", b"something else\n"])
def test_a_checkpoint_that_the_ledger_never_signed_stops_it(ledger, tmp_path, data):
    exported(ledger, tmp_path / "www")
    (tmp_path / "www" / "checkpoint").write_bytes(data)
    with pytest.raises(BadSignature, match="not a checkpoint that this ledger signed"):
        exported(ledger, tmp_path / "www")
    assert (tmp_path / "www" / "checkpoint").read_bytes() == data


def test_a_damaged_ledger_is_not_published(ledger, tmp_path):
    exported(ledger, tmp_path / "www")
    before = (tmp_path / "www" / "checkpoint").read_bytes()
    grow(ledger, 600)
    change(
        ledger.address.path, "UPDATE bundles SET data = (SELECT data FROM bundles WHERE number = 0) WHERE number = 1"
    )
    with pytest.raises(Broken, match="do not lead to the signed root"):
        exported(ledger, tmp_path / "www")
    assert (tmp_path / "www" / "checkpoint").read_bytes() == before


def test_two_exports_at_once_do_not_undo_each_other(ledger, tmp_path):
    exported(ledger, tmp_path / "www")
    descriptor = os.open(tmp_path / "www", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(Busy, match="another export"):
        exported(ledger, tmp_path / "www")
    os.close(descriptor)
    exported(ledger, tmp_path / "www")


def test_the_command_says_who_can_read_what_and_which_key_is_needed(ledger, run, www, tmp_path):
    directory, url = www
    said = run("export-log", ledger.address.path, directory)
    assert "shows the 4 entries" in said.out and "4 entries new, 2 files" in said.out and ledger.genesis in said.out
    assert "every entry whole" in said.err
    assert Log(url, ledger.verifier).check() == entries_of(ledger)
    cosigned.keep(ledger.address, cosign(ledger.checkpoint(), Signer("witness.example", bytes(32)), 1_700_000_000))
    assert "nothing is new" in run("export-log", ledger.address.path, directory).out
    assert "witness.example" in (directory / "checkpoint").read_text()
    assert "there is no directory" in run("export-log", ledger.address.path, tmp_path / "no" / "where", code=2).err


def test_common_tools_verify_the_checkpoint_as_the_page_says(ledger, www, tmp_path):
    missing = [tool for tool in ("openssl", "curl") if not shutil.which(tool)]
    if missing and os.environ.get("CHECKWEIGH_REQUIRE_ALL") != "1":
        pytest.skip(f"{missing[0]} is not installed")
    page = (Path(__file__).parent.parent / "docs" / "proofs.md").read_text(encoding="utf-8")
    block = re.search(r"^```\n(curl .*?)^```$", page, re.M | re.S).group(1)
    directory, url = www
    exported(ledger, directory, note=cosign(ledger.checkpoint(), Signer("witness.example", bytes(32)), 1_700_000_000))
    given = {**os.environ, "URL": url, "KEY": ledger.verifier}
    for said in ("Signature Verified Successfully", "Signature Verification Failure"):
        done = subprocess.run(["bash", "-c", block], cwd=tmp_path, env=given, capture_output=True, text=True)
        assert said in done.stdout + done.stderr
        head = (directory / "checkpoint").read_text()
        (directory / "checkpoint").write_text(head.replace("\n4\n", "\n5\n"))
