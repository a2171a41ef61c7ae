"""Where rows go and how: to the terminal, or as CSV, JSON or Parquet to a file or a pipe."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, cast

import typer

from . import edge

if TYPE_CHECKING:
    import pyarrow as pa

    from ..derived import Derivation
    from ..render import Format, Progress

FORMAT = Annotated[
    str | None, typer.Option("--format", help="How to write the rows.", metavar="table|csv|json|parquet")
]
OUT = Annotated[Path | None, typer.Option("--out", help="Write to this file instead of the terminal.")]
LIMIT = Annotated[int, typer.Option(help="In a terminal, show at most so many rows; 0 for all.", min=0)]
ZONE = Annotated[str, typer.Option(metavar="ZONE", help="The time zone in which dates end, such as Europe/Moscow.")]
COLUMNS = Annotated[
    str | None, typer.Option(metavar="NAME,...", help="In a terminal, show these columns instead of those that fit.")
]
ENDINGS = {".csv": "csv", ".json": "json", ".parquet": "parquet"}


@dataclass(frozen=True)
class Target:
    """What the user asked for. `form` is absent where the name of the file may say it."""

    form: str | None
    out: Path | None
    limit: int
    columns: list[str] = field(default_factory=list)

    def format(self) -> "Format":
        """The format. Raises Refused for one that is none, and for Parquet to a terminal."""
        from ..errors import Refused

        by_name = ENDINGS.get(self.out.suffix.lower(), "table") if self.out is not None else "table"
        form = self.form or by_name
        if form not in ("table", "csv", "json", "parquet"):
            raise Refused(f"--format {form!r} is none of table, csv, json and parquet")
        if form == "table" and self.out is not None:
            raise Refused(f"{self.out}: a file is written as csv, json or parquet; add --format csv")
        if form == "parquet" and self.out is None:
            raise Refused("Parquet is for a file; add --out FILE.parquet")
        return cast("Format", form)

    def write(
        self, rows: "pa.RecordBatchReader", title: str, caption: Sequence[str], table: "Derivation | None" = None
    ) -> None:
        """Write every row, or of those of a derived table as many as a terminal is to show, and the columns that matter most first."""
        from .. import render

        form = self.format()
        if form == "table":
            self._show(rows, title, caption, table)
        else:
            self.deliver(lambda into, progress: render.write(rows, into, form, progress), caption)

    def deliver(self, write: "Callable[[IO[bytes], Progress], int]", caption: Sequence[str]) -> None:
        """Let `write` write to standard output, or to the file, which is complete or not there: it is written beside its place."""
        if self.out is None:
            write(sys.stdout.buffer, lambda rows: None)
            sys.stdout.flush()
            return
        partial = edge.place(self.out).with_name(f".{self.out.name}.{os.getpid()}.partial")
        try:
            with partial.open("wb") as file, edge.progress(f"writing {self.out.name}") as bar:
                rows = write(file, bar.add)
            partial.replace(self.out)
        finally:
            partial.unlink(missing_ok=True)
        edge.tell((str(self.out), "bold green"), f": {rows:,} rows, {', '.join(caption)}")

    def _show(
        self, rows: "pa.RecordBatchReader", title: str, caption: Sequence[str], table: "Derivation | None"
    ) -> None:
        from .. import changes, render

        shown, more = self._first(rows)
        if unknown := [name for name in self.columns if name not in rows.schema.names]:
            from ..errors import Refused

            raise Refused(f"there is no column {unknown[0]}; the columns are {', '.join(rows.schema.names)}")
        if not shown:
            edge.tell((title, "bold"), ": no rows")
            edge.tell(("\n".join(caption), "dim"))
            return
        lines = [f"… and {more:,} more (--limit 0 shows all, --out FILE.csv writes them)"] if more else []
        names = table.in_order(rows.schema.names) if table is not None else list(rows.schema.names)
        if changes.DIFFERENCE in names and any(name.endswith(changes.BEFORE) for name in names):
            shown, names = changes.told(shown, names)
        fitted = render.fit(shown, names, edge.screen().width, self.columns)
        edge.screen().print(render.terminal(fitted, title, [*lines, *caption]))

    def _first(self, rows: "pa.RecordBatchReader") -> tuple[list[dict[str, Any]], int]:
        """The rows to be shown, and how many are not; of these nothing is kept."""
        shown: list[dict[str, Any]] = []
        more = 0
        for batch in rows:
            room = batch.num_rows if self.limit == 0 else max(0, self.limit - len(shown))
            shown += batch.slice(0, room).to_pylist()
            more += max(0, batch.num_rows - room)
        return shown, more


def listed(names: str | None) -> list[str]:
    """The column names of `--columns`."""
    return [name.strip() for name in names.split(",") if name.strip()] if names else []
