"""One sheet of a workbook as lines of JSON, read in a process of its own: run with the path, and the name of a sheet or nothing.

A workbook of a few kilobytes can ask for terabytes: by one cell at the far end of the sheet, or by what it unpacks to. The library
that reads it then ends its process, so that process is not the one that imports. It may use MEMORY_BYTES, as far as the system keeps
count. Each line is `[row number, [cells]]`, of rows that are not empty, cells being texts or null; or a text, the one reason why there
are no rows. This file uses nothing else of the package, so that it starts at once.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

MEMORY_BYTES = 4 << 30


def lines(path: str, sheet: str) -> Iterator[Any]:
    """What there is to say of a sheet, by default the first."""
    try:
        import python_calamine
    except ImportError:
        yield "reading Excel needs the extra: pip install 'checkweigh[excel]', or save the file as CSV"
        return
    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        names = book.sheet_names
        if (sheet and sheet not in names) or not names:
            yield f"{path} has no sheet {sheet!r}; it has {', '.join(names)}"
            return
        rows = book.get_sheet_by_name(sheet or names[0]).to_python(skip_empty_area=False)
    except Exception as error:  # over a damaged file it raises errors of many kinds
        yield f"{path} cannot be read as an Excel file: {error}"
        return
    for number, row in enumerate(rows, 1):
        cells = [_cell(cell) for cell in row]
        if any(cell is not None for cell in cells):
            yield [number, cells]


def _cell(value: Any) -> str | None:
    """A cell as text: 8.0 as 8, a day without a time of day as a date."""
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).removesuffix("T00:00:00")
    return str(value)


def _limit() -> None:
    """Ask the system to let this process have no more memory than that; not every system can."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    _limit()
    for line in lines(*sys.argv[1:]):
        sys.stdout.write(json.dumps(line) + "\n")
