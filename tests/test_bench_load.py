"""The load script in a small form: everything that it asks is answered, and nothing that was acknowledged is missing."""

import re

from bench import book, load


def test_everything_is_answered_and_nothing_is_missing(tmp_path):
    path, _ = book.made(tmp_path, 0.001)
    said = load.measured(path, 0.001, 1)
    assert "Requests that failed: 0." in said, said
    assert "are missing" in said and re.search(r"of which 0 are missing", said), said
    assert "`verify`: exit 0" in said, said
    assert all(f"no pause: {kind} |" in said for kind in ("board", "record book", "worker", "shift")), said
