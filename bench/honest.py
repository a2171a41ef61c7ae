"""Honest work for the audit to look at: a year of `Work` as its people would have entered it, in numbers that can be changed.

Beside what `Work` has there are capacities that nobody exceeds; helpers who have no other work that day; people who travel only within a
time zone; one clerk for each site, who enters the shifts of a day together, mostly on the next day; for three shifts in ten a stated
attainment, to whole percents; and a monthly count of each job and site between two moments at which nobody was at work, within the
tolerance of its scale.

    honest = Honest(million=1, seed=6)
    frame = honest.frame()                 one row for each shift, in whole numbers: hundredths, microseconds, numbers of people and places
    tables = honest.tables(frame)          the ledger of it, as `Tables`
"""

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from bench.work import (
    DAYS,
    JOBS,
    LOWER,
    SITES,
    YEAR,
    ZONES,
    Fields,
    Work,
    _crew,
    _decimals,
    _job,
    _names,
    _number,
    _site,
    _worker,
)

from checkweigh import codec, columns, entries, tables
from checkweigh.tables import Tables

COMMON: Fields = {"recorded": f"{YEAR - 1}-12-01T00:00:00Z", "by": "login:founder"}
SMALL = ("site", "job", "worker", "crew", "quota")
CAPACITY = 5.0  # times what the first quarter's quota asks of a labour hour
HOUR, DAY = 3_600_000_000, 86_400_000_000
START = int(np.datetime64(f"{YEAR}-01-01", "us").astype("int64"))
TOLERANCES = np.array([0.005, 0.01, 0.02])
STATED = 0.3
MONTHS = [int(np.datetime64(f"{YEAR}-{month:02d}-01", "us").astype("int64")) for month in range(1, 13)]


class Honest(Work):
    """A year's work of `million` million shifts without a false word in it."""

    @cached_property
    def capacity(self) -> np.ndarray:
        """Hundredths of the unit that an hour of labour can yield; 0 where less is better."""
        found: np.ndarray = np.rint(self.base / 8 * CAPACITY * 100).astype("int64")
        found[list(LOWER)] = 0
        return found

    def _jobs(self) -> list[Fields]:
        return [
            {**job, **({"capacity": _number(self.capacity[n] / 100)} if self.capacity[n] else {})}
            for n, job in enumerate(super()._jobs())
        ]

    @cached_property
    def pieces(self) -> dict[str, pa.Table]:
        """The small kinds as columns, numbered from 0."""
        made = [entries.build(kind, COMMON | fields) for kind in SMALL for fields in self.entries(kind)]
        return columns.decode(0, pa.array([codec.encode(one).decode() for one in made]), {})

    def keys(self, kind: str, name: Any, count: int) -> np.ndarray:
        """The key of each number of a kind, and -1 for the number -1."""
        piece = self.pieces[kind]
        known = dict(zip(piece["id"].to_pylist()[::-1], piece["entry"].to_pylist()[::-1], strict=True))
        return np.array([known[name(n)] for n in range(count)] + [-1])

    # ---- the shifts as numbers

    def frame(self) -> pd.DataFrame:
        """One row for each shift; -1 where something is not stated."""
        parts = [self._numbers(table, day) for day, table in enumerate(self.shifts())]
        frame = pd.concat(parts, ignore_index=True)
        frame["id"] = np.arange(len(frame))
        rng = np.random.default_rng([self.seed, 7])
        self._stay_in_the_zone(frame)
        self._free_helpers(frame, rng)
        labour = self.labour(frame)
        most = self.capacity[frame["job"]] * labour // 100
        frame["quantity"] = np.where(most > 0, np.minimum(frame["quantity"], most), frame["quantity"])
        frame["recorded"] = self._recorded(frame, rng)
        frame["claimed"] = -1
        return frame

    def _numbers(self, table: pa.Table, day: int) -> pd.DataFrame:
        def number(name: str) -> np.ndarray:
            return pc.fill_null(pc.cast(pc.utf8_slice_codeunits(table[name], 1), pa.int64()), -1).to_numpy()

        def hundredths(name: str) -> np.ndarray:
            scaled = pc.multiply(pc.cast(table[name], pa.float64()), 100.0)
            found: np.ndarray = np.rint(pc.fill_null(scaled, -1.0).to_numpy()).astype("int64")
            return found

        def moment(name: str) -> np.ndarray:
            return pc.fill_null(pc.cast(table[name], pa.int64()), -1).to_numpy()

        return pd.DataFrame({
            **{name: number(name) for name in ("worker", "crew", "job", "site")},
            "started": moment("started"), "ended": moment("ended"), "hours": hundredths("hours"), "quantity": hundredths("quantity"),
            "heads": hundredths("headcount"), "total": hundredths("labour_hours"), "day": day,
            "helpers": [
                tuple((int(one["worker"][1:]), int(one["hours"] * 100)) for one in helped or ()) for helped in table["helpers"].to_pylist()
            ],
        })  # fmt: skip

    def _stay_in_the_zone(self, frame: pd.DataFrame) -> None:
        """Nobody works in two time zones: whoever works elsewhere does so at a site whose clock is that of home."""
        home = np.where(frame["worker"] >= 0, self.home[frame["worker"]], self.crew_home[frame["crew"]])
        away = frame["site"].to_numpy() % len(ZONES) != home % len(ZONES)
        moved = (frame["site"].to_numpy() // len(ZONES) * len(ZONES) + home % len(ZONES)) % SITES
        local = frame["started"] + self._offsets(frame["site"].to_numpy(), frame["started"].to_numpy())
        frame["site"] = np.where(away, moved, frame["site"])
        ahead = self._offsets(frame["site"].to_numpy(), local.to_numpy())
        frame["ended"] = np.where(
            frame["ended"] >= 0, frame["ended"] + np.where(away, local - ahead - frame["started"], 0), -1
        )
        frame["started"] = np.where(away, local - ahead, frame["started"])

    def _free_helpers(self, frame: pd.DataFrame, rng: np.random.Generator) -> None:
        """Gives every helper's place to somebody who has no other work on that day, the day before, or the day after."""
        busy: list[set[int]] = [set(group) for _, group in frame.groupby("day")["worker"]]
        helped = frame.index[frame["helpers"].map(len) > 0]
        new = []
        for row in helped:
            day = int(frame.at[row, "day"])
            around = [busy[other] for other in range(max(day - 1, 0), min(day + 2, DAYS))]
            chosen: list[tuple[int, int]] = []
            for _, hours in frame.at[row, "helpers"]:
                who = int(rng.integers(self.workers))
                tries = 0
                while any(who in others for others in around) and tries < 200:
                    who, tries = int(rng.integers(self.workers)), tries + 1
                if tries < 200:
                    chosen.append((who, hours))
                    busy[day].add(who)
            new.append(tuple(chosen))
        frame.loc[helped, "helpers"] = pd.Series(new, index=helped, dtype=object)

    def _recorded(self, frame: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
        """Each clerk enters a day's shifts together at noon of the day after, or some days later; one in a hundred waits up to ten days."""
        late = np.where(rng.random((DAYS, SITES)) < 0.1, rng.integers(1, 4, (DAYS, SITES)), 0)
        slow = np.where(rng.random(len(frame)) < 0.01, rng.integers(1, 10, len(frame)), 0)
        days = frame["day"] + np.maximum(late[frame["day"], frame["site"]], slow) + np.where(frame["ended"] >= 0, 8, 2)
        found: np.ndarray = (START + days * DAY + 12 * HOUR + frame["site"] * 60_000_000).to_numpy()
        return found

    def labour(self, frame: pd.DataFrame) -> np.ndarray:
        """Hundredths of hours of everybody who worked on a shift."""
        crew = frame["crew"].to_numpy()
        size = self.crew_size[crew, (crew % 2) * (frame["day"].to_numpy() >= 182)]
        heads = np.where(frame["crew"] >= 0, np.where(frame["heads"] >= 0, frame["heads"] / 100, size), 1)
        help = frame["helpers"].map(lambda some: sum(hours for _, hours in some)).to_numpy()
        own = np.floor(frame["hours"] * heads).to_numpy().astype("int64") + help
        found: np.ndarray = np.where(frame["total"] >= 0, frame["total"], own)
        return found

    # ---- the ledger

    def tables(self, frame: pd.DataFrame, counts: pd.DataFrame | None = None) -> Tables:
        """The ledger of these shifts, in the order in which they were recorded, and of these counts. Sets the column `entry` of both."""
        first = sum(len(piece) for piece in self.pieces.values())
        order = np.lexsort((frame["id"].to_numpy(), frame["recorded"].to_numpy()))
        frame["entry"] = first + np.argsort(order)
        pieces = {**self.pieces, "shift": self._shift_piece(frame.iloc[order])}
        size = first + len(frame)
        if counts is not None:
            counts["entry"] = size + np.arange(len(counts))
            pieces["count"] = _count_piece(counts)
            size += len(counts)
        return tables.from_pieces(pieces, size)

    def _shift_piece(self, frame: pd.DataFrame) -> pa.Table:
        worker, crew = frame["worker"].to_numpy(), frame["crew"].to_numpy()
        party = np.where(
            worker >= 0, self.keys("worker", _worker, self.workers)[worker], self.keys("crew", _crew, self.crews)[crew]
        )
        count = pa.array(
            frame["helpers"].map(len).to_numpy(), pa.int32(), mask=(frame["helpers"].map(len) == 0).to_numpy()
        )
        hours = frame["helpers"].map(lambda some: sum(hours for _, hours in some)).to_numpy()
        absent = {name: (frame[name] < 0).to_numpy() for name in ("ended", "heads", "total", "claimed")}
        given = {
            "entry": pa.array(frame["entry"].to_numpy()), "recorded": _moments(frame["recorded"]),
            "by": _names("account:clerk-s", 3, frame["site"].to_numpy()), "id": _names("x", 7, frame["id"].to_numpy()),
            "job": _names("j", 2, frame["job"].to_numpy()), "site": _names("s", 3, frame["site"].to_numpy()),
            "started": _moments(frame["started"]), "quantity": _decimals(frame["quantity"].to_numpy(), 2, pa.decimal128(18, 9)),
            "worker": _names("w", 6, worker, worker >= 0), "crew": _names("c", 4, crew, crew >= 0),
            "ended": _moments(frame["ended"], absent["ended"]), "hours": _decimals(frame["hours"].to_numpy(), 2, pa.decimal128(12, 6)),
            "headcount": _decimals(frame["heads"].to_numpy().clip(0), 2, pa.decimal128(9, 3), absent["heads"]),
            "helpers": _helpers(frame["helpers"]),
            "labour_hours": _decimals(frame["total"].to_numpy().clip(0), 2, pa.decimal128(18, 6), absent["total"]),
            "claimed_attainment": _decimals(frame["claimed"].to_numpy().clip(0), 2, pa.decimal128(18, 6), absent["claimed"]),
            "job_key": pa.array(self.keys("job", _job, JOBS)[frame["job"]]),
            "site_key": pa.array(self.keys("site", _site, SITES)[frame["site"]]),
            "party_key": pa.array(party), "helper_count": count, "helper_hours": _decimals(hours, 2, pa.decimal128(18, 6), hours == 0),
        }  # fmt: skip
        return _filled("shift", given, len(frame))

    def counts(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A count for each job and site and month that fits between two moments at which nobody is at work; `true` is what was produced."""
        rng = np.random.default_rng([self.seed, 8])
        some = frame[self.capacity[frame["job"]] > 0].sort_values(["site", "job", "started"])
        ends = np.where(some["ended"] >= 0, some["ended"], some["started"] + some["hours"] * (HOUR // 100))
        made: list[dict[str, int]] = []
        for (site, job), group in some.assign(ends=ends).groupby(["site", "job"]):
            before = np.concatenate([[0], np.maximum.accumulate(group["ends"].to_numpy())[:-1]])
            started = group["started"].to_numpy()
            quiet = started[started >= before]
            at = np.unique([quiet[np.searchsorted(quiet, month)] for month in MONTHS if month <= quiet[-1]])
            sums = np.add.reduceat(group["quantity"].to_numpy(), np.searchsorted(started, at))[:-1]
            made += [
                {"site": site, "job": job, "from": since, "until": until, "true": total}
                for since, until, total in zip(at[:-1], at[1:], sums, strict=True)
                if total > 1000
            ]
        found = pd.DataFrame(made)
        stated = rng.random(len(found)) < 0.9
        share = np.where(stated, TOLERANCES[found["site"] % 3], 0.02)
        found["allowed"] = np.floor(found["true"] * share * np.where(stated, 1, 0.95)).astype("int64")
        found["tolerance"] = np.where(stated, found["allowed"], -1)
        off = np.clip(rng.normal(0, 0.4, len(found)), -0.95, 0.95) * found["allowed"]
        found["quantity"] = found["true"] + off.astype("int64")
        return found

    def state(self, frame: pd.DataFrame, attainment: np.ndarray) -> None:
        """Three shifts in ten state their attainment to whole percents, rounded to the nearest or down as is the site's custom."""
        rng = np.random.default_rng([self.seed, 9])
        stating = (rng.random(len(frame)) < STATED) & ~np.isnan(attainment) & (attainment < 1000)
        percent = np.where(frame["site"] % 3 == 0, np.floor(attainment * 100 + 1e-6), np.rint(attainment * 100))
        frame["claimed"] = np.where(stating, np.nan_to_num(percent), -1).astype("int64")


def _moments(values: pd.Series, absent: np.ndarray | None = None) -> pa.Array:
    return pa.array(values.to_numpy(), pa.int64(), mask=absent).cast(pa.timestamp("us"))


def _helpers(lists: pd.Series) -> pa.Array:
    count = lists.map(len).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(count)]).astype("int32")
    flat = [one for some in lists[count > 0] for one in some]
    who, hours = (np.array([one[part] for one in flat], "int64") for part in (0, 1))
    fields = [_names("w", 6, who), _decimals(hours, 2, pa.decimal128(12, 6)), pa.array(["hauling"] * len(flat))]
    people = pa.StructArray.from_arrays(fields, fields=list(codec.HELPER))
    return pa.ListArray.from_arrays(pa.array(offsets), people, type=pa.list_(codec.HELPER), mask=pa.array(count == 0))


def _count_piece(counts: pd.DataFrame) -> pa.Table:
    stated = (counts["tolerance"] >= 0).to_numpy()
    given = {
        "entry": pa.array(counts["entry"].to_numpy()), "recorded": _moments(pd.Series(START + 400 * DAY, index=counts.index)),
        "by": pa.array(["account:weigher"] * len(counts)), "id": pa.array([f"k{n}" for n in range(len(counts))]),
        "site": _names("s", 3, counts["site"].to_numpy()), "job": _names("j", 2, counts["job"].to_numpy()),
        "from": _moments(counts["from"]), "until": _moments(counts["until"]),
        "quantity": _decimals(counts["quantity"].to_numpy(), 2, pa.decimal128(18, 9)), "instrument": pa.array(["The scale"] * len(counts)),
        "tolerance": _decimals(counts["tolerance"].to_numpy().clip(0), 2, pa.decimal128(18, 9), ~stated),
    }  # fmt: skip
    return _filled("count", given, len(counts))


def _filled(kind: str, given: dict[str, pa.Array], rows: int) -> pa.Table:
    """A table in the shape of a kind; what is not given is absent."""
    shape = columns.schema(kind)
    return pa.table([given.get(field.name, pa.nulls(rows, field.type)) for field in shape], schema=shape)
