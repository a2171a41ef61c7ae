"""Fraud planted into honest work: some cases of each kind, seeded, each the smallest that a check is to find, or of several sizes.

    planted = Planted(honest, frame, cases=50)    changes the frame, and adds to it
    planted.cases                                 one row for each entry that a case touches: kind, case, effect, id
    planted.places                                for cases that are a site's and its clerk's: kind, effect, site

No two cases touch the same shift. What a count measured and what claims state follows the shifts as they stand in the ledger, so that one
fraud does not show as another.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from bench.honest import DAY, HOUR, Honest
from bench.work import SITES, ZONES

GROUP_GAP = 90 * 60_000_000
LATE = (30, 120)  # days
JUMPS = (1.3, 1.6, 2.0, 2.5, 3.0)  # times the quantity that it was
MARKS = (1.1, 1.3, 1.6, 2.0, 3.0)  # times the best mark of the job
SHARES = (0.1, 0.25, 0.5, 1.0)  # of a site's shifts that would be concerned


@dataclass
class Planted:
    """The cases planted into a frame of honest shifts."""

    honest: Honest
    frame: pd.DataFrame
    count: int = 50
    cases: pd.DataFrame = field(init=False)
    places: pd.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng([self.honest.seed, 10])
        self._made: list[tuple[str, int, float, int]] = []
        self._at: list[tuple[str, float, int]] = []
        self._labour = self.honest.labour(self.frame)
        frame = self.frame
        self._plain = (frame["ended"] < 0) & (frame["helpers"].map(len) == 0) & (frame["quantity"] > 100)
        self._single = self._plain & (frame["worker"] >= 0)
        self._higher = self.honest.capacity[frame["job"]] > 0
        self._used = pd.Series(False, index=frame.index)
        self._plant()
        self.cases = pd.DataFrame(self._made, columns=["kind", "case", "effect", "id"])
        self.places = pd.DataFrame(self._at, columns=["kind", "effect", "site"])

    def _plant(self) -> None:
        self._over_capacity()
        self._displaced()
        self._marks()
        self._jumps()
        self._rounded()
        self._late()
        self._overlaps()
        self._duplicates()

    def _note(self, kind: str, case: int, rows: list[int], effect: float = 0.0) -> None:
        self._used[rows] = True
        self._made += [(kind, case, effect, int(self.frame.at[row, "id"])) for row in rows]

    def _picked(self, fit: pd.Series, count: int) -> list[int]:
        free = self.frame.index[fit.reindex(self.frame.index, fill_value=False) & ~self._used]
        return [int(row) for row in self._rng.choice(free, min(count, len(free)), replace=False)]

    def _over_capacity(self) -> None:
        """A fifth more than the equipment can do."""
        for case, row in enumerate(self._picked(self._plain & self._higher, self.count)):
            most = int(self.honest.capacity[self.frame.at[row, "job"]]) * int(self._labour[row])
            self.frame.at[row, "quantity"] = most * 12 // 1000 + 1
            self._note("over-capacity", case, [row])

    def _displaced(self) -> None:
        """A full quota of the claimant, taken from three or more of those who worked beside them."""
        frame = self.frame[self._single & self._higher & ~self._used].sort_values(["site", "job", "started"])
        same = (frame["site"].diff() == 0) & (frame["job"].diff() == 0) & (frame["started"].diff() <= GROUP_GAP)
        frame = frame.assign(group=(~same).cumsum())
        large = frame.groupby("group").filter(lambda members: len(members) > 3)
        groups = [list(members.index) for _, members in large.groupby("group")]
        case = 0
        for place in self._rng.permutation(len(groups)):
            rows = [int(row) for row in self._rng.permutation(groups[place])]
            others = rows[1 : 1 + int(self._rng.integers(3, len(rows)))]
            moved = self._quota(rows[0])
            held = self.frame.loc[others, "quantity"].to_numpy()
            if case == self.count or held.sum() < 1.5 * moved:
                continue
            taken = np.floor(moved * held / held.sum()).astype("int64")
            self.frame.loc[others, "quantity"] = held - taken
            self.frame.at[rows[0], "quantity"] += int(taken.sum())
            self._note("displaced", case, [rows[0], *others])
            case += 1

    def _quota(self, row: int) -> int:
        job, hours, day = (int(self.frame.at[row, name]) for name in ("job", "hours", "day"))
        return int(self.honest.base[job] * 1.02 ** (day // 91.5) * hours / 8)

    def _marks(self) -> None:
        """A shift of one that beats the best of one in its job by so much: several people's output on one tally."""
        singles = self.frame[self._single & self._higher & ~self._used]
        best = singles.groupby("job")["quantity"].max()
        for effect in MARKS:
            for case, job in enumerate(self._rng.choice(best.index, min(10, len(best)), replace=False)):
                rows = self._picked(self._single & (self.frame["job"] == job) & (self.frame["day"] > 100), 1)
                for row in rows:
                    self.frame.at[row, "quantity"] = int(best[job] * effect)
                    self._note("mark", case, [row], effect)

    def _jumps(self) -> None:
        """One shift of a worker, half a year on, at so many times what it was."""
        for effect in JUMPS:
            fit = self._single & self._higher & (self.frame["day"] > 180)
            for case, row in enumerate(self._picked(fit, self.count // 2)):
                self.frame.at[row, "quantity"] = int(self.frame.at[row, "quantity"] * effect)
                self._note("jump", case, [row], effect)

    def _rounded(self) -> None:
        """A clerk who writes so many of a site's quantities to the nearest half unit."""
        sites = self._rng.permutation(SITES)
        for place, effect in enumerate(SHARES):
            for site in sites[place * 5 : place * 5 + 5]:
                rows = self.frame.index[
                    (self.frame["site"] == site) & ~self._used & (self._rng.random(len(self.frame)) < effect)
                ]
                self.frame.loc[rows, "quantity"] = (self.frame.loc[rows, "quantity"] + 25) // 50 * 50
                self._at.append(("rounded", effect, int(site)))
        self.lifted = [(effect, [int(s) for s in sites[30 + n * 5 : 35 + n * 5]]) for n, effect in enumerate(SHARES)]

    def lift(self, expected: np.ndarray) -> None:
        """At some sites, so many of the shifts that miss their quota by up to a tenth are written up to it; `expected` in hundredths."""
        frame = self.frame
        ratio = frame["quantity"] / np.where(expected > 0, expected, np.nan)
        just_below = (ratio >= 0.9) & (ratio < 1) & self._higher_now() & ~frame["id"].isin(self.cases["id"])
        for effect, sites in self.lifted:
            for site in sites:
                rows = frame.index[just_below & (frame["site"] == site) & (self._rng.random(len(frame)) < effect)]
                frame.loc[rows, "quantity"] = np.ceil(expected[rows]).astype("int64")
                self._at.append(("lifted", effect, site))
        self.places = pd.DataFrame(self._at, columns=["kind", "effect", "site"])

    def _single_now(self) -> pd.Series:
        return self._single.reindex(self.frame.index, fill_value=False)

    def _higher_now(self) -> pd.Series:
        return pd.Series(self.honest.capacity[self.frame["job"]] > 0, index=self.frame.index)

    def _late(self) -> None:
        """Entered by the clerk one to four months after everybody else's shifts of that day."""
        for case, row in enumerate(self._picked(self._plain & (self.frame["day"] < 240), self.count)):
            self.frame.at[row, "recorded"] += int(self._rng.integers(*LATE)) * DAY
            self._note("backdated", case, [row])

    def _overlaps(self) -> None:
        """Half: a second shift at another site while the first goes on. Half: a helper who has output of their own at the same time."""
        rows = self._picked(self._single & (self.frame["hours"] >= 600), self.count - self.count // 2)
        again = self.frame.loc[rows].copy()
        again["started"] += self._rng.integers(1, 4, len(again)) * HOUR
        again["site"] = (again["site"] + len(ZONES) * 4) % SITES
        again["quantity"] = np.rint(again["quantity"] * self._rng.uniform(0.8, 1.2, len(again))).astype("int64") + 1
        for case, (row, new) in enumerate(zip(rows, self._added(again), strict=True)):
            self._note("overlap", case, [row, new])
        self._helpers_with_output()

    def _helpers_with_output(self) -> None:
        case = self.count - self.count // 2
        for row in self._picked(self._single & (self.frame["hours"] >= 600), 20 * self.count):
            if case == self.count:
                return
            day, start = self.frame.at[row, "day"], self.frame.at[row, "started"]
            beside = (self.frame["day"] == day) & ((self.frame["started"] - start).abs() < 2 * HOUR)
            beside &= (self.frame["site"] == self.frame.at[row, "site"]) & (self.frame.index != row)
            for other in self._picked(beside & self._single_now(), 1):
                self.frame.at[row, "helpers"] = (
                    (int(self.frame.at[other, "worker"]), int(self.frame.at[row, "hours"])),
                )
                self._note("overlap", case, [row, other])
                case += 1

    def _duplicates(self) -> None:
        """The same again, a quarter of an hour later."""
        rows = self._picked(self._plain, self.count)
        again = self.frame.loc[rows].copy()
        again["started"] += HOUR // 4
        for case, (row, new) in enumerate(zip(rows, self._added(again), strict=True)):
            self._note("duplicate", case, [row, new])

    def _added(self, rows: pd.DataFrame) -> list[int]:
        """More rows at the end of the frame, with ids of their own."""
        rows["id"] = len(self.frame) + np.arange(len(rows))
        rows.index = pd.RangeIndex(len(self.frame), len(self.frame) + len(rows))
        self.frame = pd.concat([self.frame, rows])
        self._used = self._used.reindex(self.frame.index, fill_value=True)
        return [int(row) for row in rows.index]

    # ---- what is stated beside the shifts

    def misstate(self, attainment: np.ndarray) -> None:
        """A claim 5 % off, up or down, to whole percents."""
        frame = self.frame
        fit = pd.Series(attainment > 0.5, index=frame.index) & ~frame["id"].isin(self.cases["id"])
        rows = self._picked_of(fit)
        off = np.where(self._rng.random(len(rows)) < 0.5, 1.05, 0.95)
        frame.loc[rows, "claimed"] = np.rint(attainment[rows] * off * 100).astype("int64")
        self._note_ids("claimed-attainment", frame.loc[rows, "id"].to_numpy())

    def miscount(self, counts: pd.DataFrame) -> None:
        """A count off by one and a half times its tolerance, up or down. Its case is known by the place of the count, not by a shift."""
        rows = self._rng.choice(len(counts), min(self.count, len(counts)), replace=False)
        allowed = np.where(counts["tolerance"] >= 0, counts["tolerance"], counts["true"] // 50).astype("int64")[rows]
        sign = np.where(self._rng.random(len(rows)) < 0.5, 1, -1)
        counts.loc[rows, "quantity"] = counts["true"].to_numpy()[rows] + sign * (allowed * 3 // 2)
        self.miscounted = [int(row) for row in rows]

    def _picked_of(self, fit: pd.Series) -> list[int]:
        free = self.frame.index[fit]
        return [int(row) for row in self._rng.choice(free, min(self.count, len(free)), replace=False)]

    def _note_ids(self, kind: str, ids: np.ndarray) -> None:
        more = pd.DataFrame(
            [(kind, case, 0.0, int(found)) for case, found in enumerate(ids)], columns=self.cases.columns
        )
        self.cases = pd.concat([self.cases, more], ignore_index=True)
