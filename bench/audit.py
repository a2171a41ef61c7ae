"""The audit on honest work with planted fraud: precision, recall and time of each check, and the power of the statistical ones.

    python -m bench.audit                                 seeds 6 to 10 with a million shifts each, written to results.md
    python -m bench.audit --million 0.1 --seeds 1         a short form, printed only

The checks were tuned on seeds 1 to 5. A finding is right where it concerns an entry of a case that its check is to find, and false where
it concerns no planted entry at all; a case of another kind that a check finds besides, or a crew of a site whose shifts were lifted, counts
neither way. Precision is right ÷ (right + false).
Times are of the third asking on tables in memory, by two threads, beside one full scan of the columns that the check reads.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from bench import results
from bench.compare import THREADS
from bench.honest import Honest
from bench.planting import JUMPS, MARKS, SHARES, Planted

from checkweigh import tables
from checkweigh.derived import DERIVED
from checkweigh.derived.audit import CHECKS
from checkweigh.tables import Tables

TARGET = 0.9
PROMISED = ("over-capacity", "overlap", "count-mismatch", "duplicate", "claimed-attainment", "displaced")
KINDS = {"own-history": ("jump", JUMPS), "tail": ("mark", MARKS), "uncredited-help": ("mark", MARKS)}
PLACES = {"bunching": ("lifted", SHARES), "heaping": ("rounded", SHARES)}
COLUMNS = "entry, job_key, site_key, party_key, started, ended, hours, quantity, headcount, precision, helper_hours, helper_count"
OWN_COLUMNS = {
    "claimed-attainment": 'claimed_attainment, labour_hours, "by"', "backdated": 'recorded, "by"', "overlap": "helpers",
    "over-capacity": "labour_hours", "heaping": '"by"', "bunching": '"by"',
}  # fmt: skip
SECONDS_OF_STATISTICS = 10


@dataclass
class Tally:
    """What a check did over all seeds."""

    planted: int = 0
    found: int = 0
    right: int = 0
    false: int = 0
    seconds: list[float] = field(default_factory=list)
    scan: list[float] = field(default_factory=list)
    by_effect: dict[float, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    @property
    def recall(self) -> float:
        """Found ÷ planted."""
        return self.found / max(self.planted, 1)

    @property
    def precision(self) -> float:
        """Right ÷ all that can be told right from false."""
        return self.right / max(self.right + self.false, 1)


@dataclass(frozen=True)
class Trial:
    """A ledger with planted fraud, and where it is: kind -> case -> entries, and the effect of each case."""

    known: Tables
    cases: pd.DataFrame
    counts: dict[int, int]
    sites: pd.DataFrame

    def planted_entries(self) -> set[int]:
        """Every entry that some case concerns."""
        return {*self.cases["entry"], *self.counts.values()}


def trial(million: float, seed: int, cases: int) -> Trial:
    """The honest work of a seed, with so many cases of each kind."""
    honest = Honest(million, seed)
    planted = Planted(honest, honest.frame(), cases)
    first = honest.tables(planted.frame)
    _, expected = _figures(first, planted.frame)
    planted.lift(expected)
    first.engine.close()
    second = honest.tables(planted.frame)
    attainment, _ = _figures(second, planted.frame)
    second.engine.close()
    honest.state(planted.frame, attainment)
    planted.misstate(attainment)
    counts = honest.counts(planted.frame)
    planted.miscount(counts)
    known = honest.tables(planted.frame, counts)
    known.engine.execute(f"SET threads = {THREADS}")
    places = planted.frame.set_index("id")["entry"]
    wrong = {case: int(counts.at[row, "entry"]) for case, row in enumerate(planted.miscounted)}
    return Trial(known, planted.cases.assign(entry=planted.cases["id"].map(places)), wrong, planted.places)


def _figures(known: Tables, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Attainment, and hundredths of the expected quantity, of each row of a frame; NaN where absent."""
    shift = DERIVED["attainment"].derive(known).select("entry", "attainment", "expected")
    found = tables.collect(shift).sort_by("entry")
    place = (frame["entry"] - found["entry"][0].as_py()).to_numpy()
    attainment, expected = (pc.cast(found[name], pa.float64()).to_numpy()[place] for name in ("attainment", "expected"))
    return attainment, expected * 100


def asked(known: Tables, code: str, times: int = 1) -> tuple[list[dict[str, object]], float]:
    """The findings of a check, and the seconds of the last of so many askings."""
    for _ in range(times):
        started = perf_counter()
        found = tables.collect(DERIVED["findings"].derive(known, check=code))
        seconds = perf_counter() - started
    return found.select(["entry", "entries", "about", "site"]).to_pylist(), seconds


def scan_seconds(known: Tables, code: str) -> float:
    """One full scan of the columns of shifts that a check reads."""
    names = ", ".join(part for part in (COLUMNS, OWN_COLUMNS.get(code, "")) if part)
    sql = f"SELECT bit_xor(hash({names})) FROM shift"
    for _ in range(2):
        started = perf_counter()
        known.engine.execute(sql).fetchall()
    return perf_counter() - started


def judge(code: str, rows: Iterable[dict[str, object]], on: Trial, tally: Tally) -> None:
    """Add to a tally what a check found on a trial."""
    planted = on.planted_entries()
    places = {name for site in on.sites["site"] for name in (f"s{site:03d}", f"account:clerk-s{site:03d}")}
    wanted = _wanted(code, on)
    named: set[object] = set()
    for row in rows:
        concerned = {row["entry"], *row["entries"]}  # type: ignore[misc]
        hit = {case for case, (effect, entries) in wanted.items() if concerned & entries or row["about"] in entries}
        named |= hit
        tally.right += bool(hit)
        elsewhere = row["about"] not in places and not (code in PLACES and row["site"] in places)
        tally.false += not hit and not concerned & planted and elsewhere
    tally.planted += len(wanted)
    tally.found += len(named)
    for case, (effect, _) in wanted.items():
        tally.by_effect[effect][0] += case in named
        tally.by_effect[effect][1] += 1


def _wanted(code: str, on: Trial) -> dict[object, tuple[float, set[object]]]:
    """Case -> its effect, and the entries (of a place: the site and the clerk) by which a finding is known to be about it."""
    if code == "count-mismatch":
        return {case: (0.0, {entry}) for case, entry in on.counts.items()}
    if code in PLACES:
        sites = on.sites[on.sites["kind"] == PLACES[code][0]]
        pairs = zip(sites["site"], sites["effect"], strict=True)
        return {site: (effect, {f"s{site:03d}", f"account:clerk-s{site:03d}"}) for site, effect in pairs}
    rows = on.cases[on.cases["kind"] == KINDS.get(code, (code,))[0]]
    if code == "displaced":
        rows = rows.groupby("case").head(1)
    return {case: (case[1], set(group["entry"])) for case, group in rows.groupby(["case", "effect"])}


def measured(million: float, seeds: Iterable[int], cases: int, times: int = 3) -> dict[str, Tally]:
    """A tally for each check, over all seeds."""
    tallies: dict[str, Tally] = {check.code: Tally() for check in CHECKS}
    for seed in seeds:
        on = trial(million, seed, cases)
        for code, tally in tallies.items():
            rows, seconds = asked(on.known, code, times)
            judge(code, rows, on, tally)
            tally.seconds.append(seconds)
            tally.scan.append(scan_seconds(on.known, code))
            told = f"found {tally.found} of {tally.planted}, {tally.false} false"
            print(f"seed {seed} {code}: {told}, {seconds:.2f} s beside {tally.scan[-1]:.2f} s", flush=True)
        on.known.engine.close()
    return tallies


def report(tallies: dict[str, Tally], million: float, seeds: list[int], cases: int) -> str:
    """The section of results.md."""
    lines = [
        f"Written by `make bench-audit`: seeds {min(seeds)} to {max(seeds)}, {million:g} million honest shifts and {cases} planted cases",
        "of each kind for each seed; the checks were tuned on seeds 1 to 5. A finding is false where it concerns no planted entry. Time:",
        f"the slowest, beside one full scan of the columns that the check reads; allowed are 3 scans + {SECONDS_OF_STATISTICS} s.",
        "",
        "| check | precision | recall | found of planted | false findings | target | met | seconds | scan | in time |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(code, tally) for code, tally in tallies.items() if tally.planted),
        "",
        "How large an effect must be to be found. Jump: so many times what the worker's shift was. Mark: so many times the best of one",
        "in the job. Lifted: the share of a site's shifts just below the quota that is written up to it. Rounded: the share of a clerk's",
        "quantities written to the nearest half unit.",
        "",
        "| check | planted | recall by size of effect |",
        "| --- | --- | --- |",
        *(_power(code, tally) for code, tally in tallies.items() if code in KINDS or code in PLACES),
    ]
    return "\n".join(lines) + "\n"


def _row(code: str, tally: Tally) -> str:
    promised = code in PROMISED
    met = tally.precision >= TARGET and tally.recall >= TARGET
    quick = all(s <= 3 * scan + SECONDS_OF_STATISTICS for s, scan in zip(tally.seconds, tally.scan, strict=True))
    target = "0.9 and 0.9" if promised else "reported"
    verdict = ("yes" if met else "**no**") if promised else ""
    slowest = int(np.argmax(tally.seconds))
    return (
        f"| {code} | {tally.precision:.3f} | {tally.recall:.3f} | {tally.found} of {tally.planted} | {tally.false} | {target} | {verdict} "
        f"| {tally.seconds[slowest]:.2f} | {tally.scan[slowest]:.2f} | {'yes' if quick else '**no**'} |"
    )


def _power(code: str, tally: Tally) -> str:
    sizes = ", ".join(
        f"{effect:g}: {found / all_of:.2f}" for effect, (found, all_of) in sorted(tally.by_effect.items())
    )
    return f"| {code} | {(KINDS.get(code) or PLACES[code])[0]} | {sizes} |"


def main() -> None:
    """Measure, print, write."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--million", type=float, default=1, help="honest shifts of each seed, in millions (default 1)")
    given.add_argument("--seeds", type=int, nargs="+", default=[6, 7, 8, 9, 10], help="default: 6 to 10")
    given.add_argument("--cases", type=int, default=50, help="planted cases of each kind (default 50)")
    given.add_argument("--write", action="store_true", help="write results.md in a short form too")
    asked_for = given.parse_args()
    pa.set_cpu_count(THREADS)
    tallies = measured(asked_for.million, asked_for.seeds, asked_for.cases)
    section = report(tallies, asked_for.million, asked_for.seeds, asked_for.cases)
    print(section)
    if asked_for.write or (asked_for.million >= 1 and asked_for.seeds == [6, 7, 8, 9, 10]):
        results.write("The audit on planted fraud", section)


if __name__ == "__main__":
    main()
