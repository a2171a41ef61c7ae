"""Synthetic work: a year of shifts shaped like real work, made the same every time from a seed.

A million shifts are 5,000 workers and 100 crews at 200 sites in ten time zones, who hold 50 jobs in eight industries. Most people work at
one site and at one job. Quotas change each quarter: by the hour or by the shift, for all, for some sites, workers and crews. Two shifts
in a hundred have helpers, three in a hundred are a crew's, a few report several days, and one in a thousand comes under a verdict.

    work = Work(million=1)
    work.entries("quota")    # the small kinds, as fields for `Batch.add`
    work.shifts()            # Arrow tables, one per day, in the types of codec.schema("shift")
    work.write_csv(path)     # the same rows as a file to import, times in the site's own zone
    work.verdicts(shifts)    # the fields of verdicts on some of the shifts in a ledger
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from checkweigh import codec, entries

YEAR = 2024
DAYS = 366
QUARTERS = ["2024-01-01", "2024-04-01", "2024-07-01", "2024-10-01", "2025-01-01"]
JOBS, SITES = 50, 200
ZONES = [
    "Europe/Moscow", "Europe/Berlin", "Europe/London", "America/New_York", "America/Chicago", "America/Sao_Paulo",
    "Asia/Kolkata", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Sydney",
]  # fmt: skip
INDUSTRIES = ["coal", "steel", "footwear", "textiles", "rail", "timber", "machines", "farming"]
UNITS = {"coal": "tonne", "steel": "tonne", "footwear": "pair", "textiles": "metre", "rail": "load", "timber": "m**3", "machines": "piece",
         "farming": "kg"}  # fmt: skip
LOWER = (11, 23, 35)  # jobs where less is better, such as scrap
WITHOUT_QUOTA = 49  # a job that nobody ever set a quota for
ROLES = ["timbering", "hauling", "setting up"]
Fields = dict[str, Any]


class Work:
    """A year's work of `million` million shifts; `workers` and `crews` grow with it, `JOBS` and `SITES` do not."""

    def __init__(self, million: float, seed: int = 1935) -> None:
        self.shift_count = round(million * 1_000_000)
        self.workers = max(round(million * 5_000), 50)
        self.crews = max(round(million * 100), 5)
        self.seed = seed
        rng = np.random.default_rng([seed, 0])
        self.site_industry = np.arange(SITES) % len(INDUSTRIES)
        self.job_industry = np.arange(JOBS) % len(INDUSTRIES)
        self.per_shift = rng.random(JOBS) < 0.4
        self.base = np.exp(
            rng.uniform(np.log(8), np.log(400), JOBS)
        )  # what eight hours ask of one worker in the first quarter
        self.home = rng.integers(0, SITES, self.workers)
        self.skill = np.exp(rng.normal(0.05, 0.2, self.workers))
        self.rota = rng.integers(0, 3, self.workers)
        self.main_job = self._job_at(self.home, rng.integers(0, JOBS, self.workers))
        self.crew_home = rng.integers(0, SITES, self.crews)
        self.crew_job = self._job_at(self.crew_home, rng.integers(0, JOBS, self.crews))
        self.crew_size = rng.integers(6, 50, (self.crews, 2)) / 2

    def _job_at(self, site: np.ndarray, choice: np.ndarray) -> np.ndarray:
        """A job of the site's industry, picked by a random number."""
        industry = self.site_industry[site]
        jobs_there = (JOBS - 1 - industry) // len(INDUSTRIES) + 1
        return industry + len(INDUSTRIES) * (choice % jobs_there)

    # ---- the small kinds

    def entries(self, kind: str) -> list[Fields]:
        """The fields of every entry of a small kind, in the order in which they can be added: site, job, worker, crew, quota, rule."""
        made: list[Fields] = getattr(self, f"_{kind}s")()
        return made

    def _sites(self) -> list[Fields]:
        return [
            {
                "id": _site(n),
                "name": f"Site {n}",
                "industry": INDUSTRIES[self.site_industry[n]],
                "timezone": ZONES[n % len(ZONES)],
            }
            for n in range(SITES)
        ]

    def _jobs(self) -> list[Fields]:
        def fields(n: int) -> Fields:
            industry = INDUSTRIES[self.job_industry[n]]
            better = "lower" if n in LOWER else "higher"
            return {"id": _job(n), "name": f"Job {n}", "industry": industry, "unit": UNITS[industry], "better": better}

        return [fields(n) for n in range(JOBS)]

    def _workers(self) -> list[Fields]:
        return [{"id": _worker(n), "site": _site(int(self.home[n])), "from": "2023-01-01"} for n in range(self.workers)]

    def _crews(self) -> list[Fields]:
        """Every crew as of 2023, and every other one with a new headcount as of July 2024."""
        return [
            {"id": _crew(n), "name": f"Crew {n}", "from": start, "headcount": _number(self.crew_size[n, version])}
            for n in range(self.crews)
            for version, start in enumerate(["2023-01-01", "2024-07-01"][: 1 + n % 2])
        ]

    def _quotas(self) -> list[Fields]:
        rng = np.random.default_rng([self.seed, 1])
        general = [self._quota("all", j, q, 1.0) for j in range(JOBS) for q in range(4) if j != WITHOUT_QUOTA]
        sites = [
            {**self._quota(_site(s), j, q, rng.uniform(0.9, 1.2)), "site": _site(s)}
            for s in range(0, SITES, 5)
            for j in range(JOBS)
            for q in range(4)
            if self.job_industry[j] == self.site_industry[s] and j % 2 == 0
        ]
        workers = [
            {
                **self._quota(_worker(w), int(self.main_job[w]), q, rng.uniform(0.5, 1.1)),
                "worker": _worker(w),
                "until": QUARTERS[q + 1],
            }
            for w in range(0, self.workers, 100)
            for q in range(4)
        ]
        crews = [
            {
                **self._quota(_crew(c), int(self.crew_job[c]), q, float(self.crew_size[c, 0])),
                "crew": _crew(c),
                "per": "crew",
            }
            for c in range(0, self.crews, 3)
            for q in range(4)
        ]
        return general + sites + workers + crews

    def _quota(self, whom: str, job: int, quarter: int, share: float) -> Fields:
        asked = self.base[job] * share * 1.02**quarter
        fields: Fields = {
            "id": f"{_job(job)} {whom} {QUARTERS[quarter]}",
            "job": _job(job),
            "per": "worker",
            "from": QUARTERS[quarter],
        }
        if self.per_shift[job]:
            return {**fields, "quantity": _number(asked), "basis": "time study"}
        return {**fields, "quantity": _number(asked / 8), "hours": "1", "basis": "history"}

    def _rules(self) -> list[Fields]:
        conditions: dict[str, Fields] = {
            "Shock worker": {"measure": "attainment", "at_least": "2", "period": "shift"},
            "Worker of the month": {
                "measure": "attainment",
                "at_least": "1.3",
                "shifts_at_least": 10,
                "period": "month",
            },
            "Honest worker of the year": {
                "measure": "labour_attainment",
                "at_least": "1.2",
                "period": "year",
                "verified_only": False,
            },
            "Best of the miners": {"measure": "attainment", "at_least": "1.4", "period": "week", "industry": "coal"},
            "Record of the job": {
                "measure": "quantity",
                "record": True,
                "scope": "all",
                "holder": "single",
                "length": "shift",
            },
            "Record of the site": {
                "measure": "rate_per_hour",
                "record": True,
                "scope": "site",
                "holder": "crew",
                "length": "shift",
            },
        }
        return [
            {"id": name.lower().replace(" ", "-"), "gives": name, "conditions": given, "from": "2024-01-01"}
            for name, given in conditions.items()
        ]

    # ---- the shifts

    def shifts(self, *, local: bool = False) -> Iterator[pa.Table]:
        """One table per day, in the order of the days; no id and no salt. `started` and `ended` are UTC, or the site's time if `local`."""
        done = 0
        for day in range(DAYS):
            upto = self.shift_count * (day + 1) // DAYS
            yield self._day(day, upto - done, local)
            done = upto

    def _day(self, day: int, count: int, local: bool) -> pa.Table:
        rng = np.random.default_rng([self.seed, 2, day])
        crews = min(count * 3 // 100, self.crews)
        who = np.concatenate([rng.permutation(self.workers)[: count - crews], rng.permutation(self.crews)[:crews]])
        order = rng.permutation(len(who))
        is_crew, who = (np.arange(len(who)) >= count - crews)[order], who[order]
        crew, worker = np.where(is_crew, who, 0), np.where(is_crew, 0, who)
        site = np.where(is_crew, self.crew_home[crew], self.home[worker])
        site = np.where(rng.random(count) < 0.02, rng.integers(0, SITES, count), site)
        job = np.where(is_crew, self.crew_job[crew], self.main_job[worker])
        strange = (self.job_industry[job] != self.site_industry[site]) | (rng.random(count) < 0.08)
        job = np.where(strange, self._job_at(site, rng.integers(0, JOBS, count)), job)
        started = self._started(rng, day, np.where(is_crew, crew % 3, self.rota[worker]))
        quarters = np.where(rng.random(count) < 0.7, 32, rng.integers(16, 49, count))
        days = np.where(rng.random(count) < 0.002, rng.integers(2, 8, count), 1)
        quarters *= days
        heads = np.where(is_crew, self.crew_size[crew, (crew % 2) * (day >= 182)], 1.0)
        quantity = self._quantity(rng, day, job, np.where(is_crew, 1.0, self.skill[worker]), quarters / 4 * heads)
        ended = np.where(days > 1, started + days * 86_400_000_000, -1)
        helpers, totals = self._help(rng, worker, is_crew, quarters), (rng.random(count) < 0.05) & is_crew
        shift = np.zeros(count, "int64") if local else self._offsets(site, started)
        columns = {
            "worker": _names("w", 6, worker, ~is_crew), "crew": _names("c", 4, crew, is_crew),
            "job": _names("j", 2, job), "site": _names("s", 3, site),
            "started": pa.array(started - shift, pa.timestamp("us")),
            "ended": pa.array(ended - shift, pa.timestamp("us"), mask=days == 1),
            "hours": _decimals(quarters * 25, 2, pa.decimal128(12, 6)),
            "quantity": _decimals(quantity, 2, pa.decimal128(18, 9)),
            "headcount": _decimals((heads * 2).astype("int64") * 5, 1, pa.decimal128(9, 3), ~(is_crew & (rng.random(count) < 0.2))),
            "helpers": helpers,
            "labour_hours": _decimals((quarters * 25 * heads).astype("int64") + 100, 2, pa.decimal128(18, 6), ~totals),
        }  # fmt: skip
        return pa.table(columns)

    def _started(self, rng: np.random.Generator, day: int, rota: np.ndarray) -> np.ndarray:
        """Microseconds since 1970 on the site's own clock: 06:00, 14:00 or 22:00, one in seven with odd minutes."""
        minutes = (6 + 8 * rota) * 60 + np.where(rng.random(len(rota)) < 1 / 7, rng.integers(0, 60, len(rota)), 0)
        midnight = (date(YEAR, 1, 1) - date(1970, 1, 1)).days + day
        started: np.ndarray = (midnight * 1440 + minutes) * 60_000_000
        return started

    def _quantity(
        self, rng: np.random.Generator, day: int, job: np.ndarray, skill: np.ndarray, hours: np.ndarray
    ) -> np.ndarray:
        """Hundredths of the job's unit, around what the quota asks."""
        quality = skill * np.exp(rng.normal(0, 0.15, len(job)))
        quality = np.where(np.isin(job, LOWER), 1 / quality, quality)
        asked = self.base[job] * 1.02 ** (day // 91.5) * hours / 8
        quantity: np.ndarray = np.rint(asked * quality * 100).astype("int64")
        return quantity

    def _help(
        self, rng: np.random.Generator, worker: np.ndarray, is_crew: np.ndarray, quarters: np.ndarray
    ) -> pa.Array:
        """One to three helpers, other workers, on 2 shifts of 100; most shifts state nothing."""
        count = len(worker)
        helped = (rng.random(count) < 0.02) & ~is_crew
        number = np.where(helped, rng.integers(1, 4, count), 0)
        offsets = np.concatenate([[0], np.cumsum(number)]).astype("int32")
        of = np.repeat(np.arange(count), number)
        who = (worker[of] + 1 + rng.integers(0, self.workers - 1, len(of))) % self.workers
        share = np.where(rng.random(len(of)) < 0.6, quarters[of], np.maximum(quarters[of] // 2, 1))
        role = pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, 3, len(of))), ROLES).cast(pa.string())
        fields = [_names("w", 6, who), _decimals(share * 25, 2, pa.decimal128(12, 6)), role]
        people = pa.StructArray.from_arrays(fields, fields=list(codec.HELPER))
        return pa.ListArray.from_arrays(pa.array(offsets), people, type=pa.list_(codec.HELPER), mask=pa.array(~helped))

    @cached_property
    def _hours_ahead(self) -> np.ndarray:
        """Microseconds that each zone's clock is ahead of UTC, per zone and local hour of the year (two days beyond it)."""
        hours = 24 * (DAYS + 9)
        first = f"TIMESTAMP '{YEAR}-01-01'"
        zones = ", ".join(f"epoch_us(t) - epoch_us(t AT TIME ZONE '{zone}') AS z{n}" for n, zone in enumerate(ZONES))
        sql = f"SELECT {zones} FROM (SELECT {first} + to_hours(h) AS t FROM range({hours}) AS r(h)) ORDER BY t"
        with duckdb.connect() as engine:
            return np.stack(list(engine.sql(sql).fetchnumpy().values()))

    def _offsets(self, site: np.ndarray, started: np.ndarray) -> np.ndarray:
        first = (date(YEAR, 1, 1) - date(1970, 1, 1)).days * 24
        offsets: np.ndarray = self._hours_ahead[site % len(ZONES), started // 3_600_000_000 - first]
        return offsets

    # ---- what stands on the shifts

    def write_csv(self, path: Path) -> None:
        """The shifts as a file to import: times in the site's own zone, helpers as in an entry, absent figures empty."""
        with duckdb.connect() as engine:
            writer = None
            for table in self.shifts(local=True):
                engine.register("today", table)
                rows = engine.sql(_CSV).to_arrow_table()
                writer = writer or pa_csv.CSVWriter(
                    path, rows.schema, write_options=pa_csv.WriteOptions(quoting_style="needed")
                )
                writer.write_table(rows)
            if writer is not None:
                writer.close()

    def verdicts(self, shifts: pa.Table) -> list[Fields]:
        """Rulings on one of a thousand of some shifts (id, worker, hours, quantity), in the order in which they were made.

        One in twenty is judged a second time, and one in twenty of the first rulings is withdrawn.
        """
        rng = np.random.default_rng([self.seed, 3])
        rows = shifts.take(np.sort(rng.choice(len(shifts), len(shifts) // 1000, replace=False))).to_pylist()
        made = [self._verdict(rng, row) for row in rows]
        again = [self._verdict(rng, row) for row in rows[::20]]
        withdrawn = [{"shift": row["id"], "ruling": "withdrawn", "reason": "new evidence"} for row in rows[7::20]]
        return made + again + withdrawn

    def _verdict(self, rng: np.random.Generator, row: Fields) -> Fields:
        ruling = str(rng.choice(["verified", "disputed", "adjusted", "annulled"], p=[0.4, 0.2, 0.25, 0.15]))
        verdict: Fields = {"shift": row["id"], "ruling": ruling, "reason": "weighed again"}
        if ruling != "adjusted":
            return verdict
        if rng.random() < 0.5:
            verdict["quantity"] = entries.decimal_text(row["quantity"] * Decimal(int(rng.integers(50, 100))) / 100)
        if "quantity" not in verdict or rng.random() < 0.5:
            verdict["helpers"] = [
                {"worker": _worker(self.workers - 1), "hours": entries.decimal_text(row["hours"]), "role": "hauling"}
            ]
        if verdict.get("helpers") and row["worker"] == _worker(self.workers - 1):
            verdict["helpers"] = []
        return verdict

    def awards(self, shifts: pa.Table) -> list[Fields]:
        """Honours that were granted by name for one shift in ten thousand of some shifts (id, worker, crew)."""
        rng = np.random.default_rng([self.seed, 4])
        rows = shifts.take(np.sort(rng.choice(len(shifts), len(shifts) // 10_000, replace=False))).to_pylist()
        party = ("worker", "crew")
        return [
            {**{k: r[k] for k in party if r[k]}, "name": "Banner of labour", "on": "2025-01-15", "for": [r["id"]]}
            for r in rows
        ]


_CSV = """
SELECT worker, crew, job, site, strftime(started, '%Y-%m-%d %H:%M') AS started, strftime(ended, '%Y-%m-%d %H:%M') AS ended,
       hours::DECIMAL(12,2) AS hours, quantity::DECIMAL(18,2) AS quantity, headcount::DECIMAL(9,1) AS headcount,
       helpers::JSON::VARCHAR AS helpers, labour_hours::DECIMAL(18,2) AS labour_hours
FROM today
"""


def day_text(day: int) -> str:
    """The date of a day of the year, counted from 0."""
    return entries.date_text(date(YEAR, 1, 1) + timedelta(days=day))


def _site(n: int) -> str:
    return f"s{n:03d}"


def _job(n: int) -> str:
    return f"j{n:02d}"


def _worker(n: int) -> str:
    return f"w{n:06d}"


def _crew(n: int) -> str:
    return f"c{n:04d}"


def _number(value: float) -> str:
    return entries.decimal_text(Decimal(f"{value:.2f}"))


def _names(letter: str, digits: int, numbers: np.ndarray, given: np.ndarray | None = None) -> pa.Array:
    """`w000123` and the like for every number; null where not `given`."""
    distinct, codes = np.unique(numbers, return_inverse=True)
    names = pa.array([f"{letter}{n:0{digits}d}" for n in distinct.tolist()])
    indices = pa.array(codes.astype("int32"), mask=None if given is None else ~given)
    return pa.DictionaryArray.from_arrays(indices, names).cast(pa.string())


def _decimals(numbers: np.ndarray, after: int, kind: pa.Decimal128Type, absent: np.ndarray | None = None) -> pa.Array:
    """Whole numbers of 10**-after, none negative, as exact decimals."""
    wide = np.zeros((len(numbers), 2), "int64")
    wide[:, 0] = numbers.astype("int64") * 10 ** (kind.scale - after)
    valid = None if absent is None else pa.array(~absent).buffers()[1]
    return pa.Array.from_buffers(kind, len(numbers), [valid, pa.py_buffer(wide)])
