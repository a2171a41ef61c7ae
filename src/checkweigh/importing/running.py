"""The run of an import, from the file to the report."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from .. import arrays, bounds
from ..ledger import Batch, Edge, Ledger
from ..people import People
from .creating import Founder, day_of
from .dates import Formats
from .drafts import Draft, drafted, earliest_day
from .mapping import Plan, mapped
from .naming import Namer
from .report import SCHEMA, Report, RowsRefused, compact, sorted_refusals
from .settings import Settings
from .sheets import Sheet, open_sheet
from .shifts import Known, ready
from .singly import Single
from .taking import Taker

Progress = Callable[[int, int], None]
"""Told how much of the file is done and how much there is: bytes of CSV, else rows."""
SWITCH_SECONDS = 0.0005


def read(
    ledger: Ledger, file: str | Path, *, edge: Edge, settings: Settings | None = None, progress: Progress | None = None
) -> Report:
    """Import a file. Returns what became of its rows.

    Raises Refused when the file as a whole cannot be taken, and RowsRefused, which carries the report, when rows are refused and
    `settings.accept_valid` is not set; in both cases nothing was written.
    """
    return _read(ledger, file, edge, settings, progress, rehearsal=False)


def rehearse(
    ledger: Ledger, file: str | Path, *, edge: Edge, settings: Settings | None = None, progress: Progress | None = None
) -> Report:
    """What `read` would do, and why it would refuse which rows; nothing is written. Raises Refused where no row could be read."""
    try:
        return _read(ledger, file, edge, settings, progress, rehearsal=True)
    except _Undone as undone:
        return undone.report
    except RowsRefused as refused:
        return refused.report


class _Undone(Exception):
    """A rehearsal has come to its end, and is undone."""

    def __init__(self, report: Report) -> None:
        self.report = report


def _read(
    ledger: Ledger, file: str | Path, edge: Edge, settings: Settings | None, progress: Progress | None, *, rehearsal: bool
) -> Report:  # fmt: skip
    started = perf_counter()
    settings = settings or Settings()
    sheet = open_sheet(file, settings.sheet)
    run = Run(ledger, sheet, edge, settings, mapped(sheet, settings), progress or (lambda done, total: None))
    with ExitStack() as stack:
        if settings.private:
            run.people = stack.enter_context(
                People.open(ledger.address, create=settings.create or settings.kind == "worker")
            )
        with ledger.append(edge) as batch, _enrolling(run.people, batch):
            report = run.through(batch)
            report = run.told(report, batch.size, perf_counter() - started)
            if report.refused_rows and not settings.accept_valid:
                raise RowsRefused(report)
            if rehearsal:
                raise _Undone(report)
        if run.people:
            run.people.arrived()
    return run.told(report, report.size_after, perf_counter() - started)


@contextmanager
def _enrolling(people: People | None, batch: Batch) -> Iterator[None]:
    """While the ledger is locked: forget whom an import that never arrived has left waiting, and keep new people once all is well."""
    if people is None:
        yield
        return
    people.settle(lambda worker: bool(batch.find("worker", worker)))
    with people.enrolling():
        yield


@dataclass
class Run:
    """One import under way."""

    ledger: Ledger
    sheet: Sheet
    edge: Edge
    settings: Settings
    plan: Plan
    progress: Progress
    people: People | None = None
    created: dict[str, int] = field(default_factory=dict)
    rows: int = 0

    def through(self, batch: Batch) -> Report:
        """Take the whole file into a batch."""
        self.began, self.late = batch.size, batch.late_clock
        taker: Any
        if self.settings.kind == "shift":
            taker = Taker(batch, self.settings, self.plan, batch.size, self.created)
            self._shifts(batch, taker)
        else:
            taker = Single(batch, self.edge, self.settings, self.plan, self.people, self.formats, self.ledger)
            for chunk, done in self.sheet.chunks(self.plan.positions):
                taker.take(chunk, self.rows)
                self.rows += len(chunk)
                self.progress(done, self.sheet.total)
        refused, count = self._refused(taker.problems)
        self.progress(self.sheet.total, self.sheet.total)
        return Report(
            self.sheet.path, self.settings.kind, self.rows, taker.added, taker.skipped, taker.corrected, count, refused,
            self.created, self.plan.ignored, self.began, late_clock=self.late,
        )  # fmt: skip

    def told(self, report: Report, size: int, seconds: float) -> Report:
        """The report with what is known at the end."""
        values = {name: getattr(report, name) for name in report.__dataclass_fields__}
        return Report(**{**values, "size_after": size, "seconds": seconds})

    def _shifts(self, batch: Batch, taker: Taker) -> None:
        """Read one chunk and make one ready in the background, while the one before is taken in here."""
        known = Known()
        founder = Founder(batch, self.edge, self.settings, known, self.people, lambda: self.earliest, self.created)
        waiting: Future[Any] | None = None
        drafts = self._drafts()
        with _switching(), _keeping_memory(), ExitStack() as stack, ThreadPoolExecutor(1) as pool:
            reading = pool.submit(next, drafts, None)
            namer = stack.enter_context(closing(Namer()))  # whose engine starts while the file is being read
            while (draft := reading.result()) is not None:
                founder.resolve(draft)
                following = pool.submit(ready, draft, known, namer, self.settings)
                reading = pool.submit(next, drafts, None)
                if waiting is not None:
                    taker.take(waiting.result())
                    self.progress(waiting.result().done, self.sheet.total)
                waiting = following
            if waiting is not None:
                taker.take(waiting.result())

    def _drafts(self) -> Iterator[Draft]:
        for chunk, done in self.sheet.chunks(self.plan.positions):
            draft = drafted(chunk, self.rows, self.plan, self.settings, self.formats)
            draft.done = done
            self.rows += len(chunk)
            yield draft

    @cached_property
    def formats(self) -> dict[str, Formats]:
        """How each column of the file may write its dates, and how the column is read as a whole if that must be found out."""
        return {
            name: Formats(self.plan.headers.get(name, name), self.settings.dates, partial(self._texts, name))
            for name in (*self.plan.columns, *self.plan.constants)
        }

    def _texts(self, name: str) -> Iterator[pa.Array]:
        """All texts of one field, apart from the reading that is under way."""
        if name not in self.plan.columns:
            yield pa.array([self.plan.constants[name]])
            return
        sheet = open_sheet(self.sheet.path, self.settings.sheet)
        for chunk, _ in sheet.chunks([self.plan.columns[name]]):
            yield bounds.flat(chunk.column(0))

    @cached_property
    def earliest(self) -> date | None:
        """The first day that the file speaks of."""
        name = "period" if "period" in self.plan else "started"
        days = (earliest_day(texts, self.formats[name], periods=name == "period") for texts in self._texts(name))
        first = min((day for day in days if day is not None), default=None)
        return None if first is None else day_of(first)

    def _refused(self, problems: list[pa.Table]) -> tuple[pa.Table, int]:
        """Every refusal by the line of its row, and the number of rows."""
        found = [problem for problem in problems if len(problem)]
        misshapen = list(self.sheet.misshapen())
        self.rows += len(misshapen)
        tables = []
        records = (
            np.unique(np.concatenate([arrays.numpy_of(one["record"]) for one in found]))
            if found
            else np.zeros(0, np.int64)
        )
        at = self.sheet.lines(records)
        for one in found:
            places = np.searchsorted(records, arrays.numpy_of(one["record"]))
            tables.append(pa.table([pa.array(at[places]), one["field"], one["value"], one["reason"]], schema=SCHEMA))
        if misshapen:
            tables.append(self._misshapen(misshapen))
        return sorted_refusals(tables), len(records) + len(misshapen)

    def _misshapen(self, rows: list[tuple[int, int]]) -> pa.Table:
        wanted = len(self.sheet.header)
        said = "has {} cells where the header has {}; is it cut off, or a quotation mark not closed?"
        reasons = pa.array([said.format(cells, wanted) for _, cells in rows], pa.string())
        lines, fields = pa.array([line for line, _ in rows], pa.int64()), pa.array([""] * len(rows), pa.string())
        return compact(pa.table([lines, fields, pa.nulls(len(rows), pa.string()), reasons], names=SCHEMA.names)).cast(
            SCHEMA
        )


@contextmanager
def _switching() -> Iterator[None]:
    """Let the threads of an import take turns quickly: each step of making ready is short, and would else wait for the hashing."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _keeping_memory() -> Iterator[None]:
    """Let Arrow take its memory from jemalloc, where it has it: the default gives large pieces back to the system between two chunks,

    which hands them out anew page by page; that was a tenth of an import.
    """
    before = pa.default_memory_pool()
    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)
