"""The three main tables in pandas: the program that a good analyst writes, in float64, from the same Parquet files.

`attainment` joins each shift with its quota (merge_asof), `records` finds the marks of every class (sort, cummax, shift), `standings`
adds up months and ranks. Each table has the columns that ours has, in the same order of rows. The figures agree with the exact ones but
for the last places; one on the edge may fall on the other side.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MEASURES = ["quantity", "rate_per_hour", "rate_per_labour_hour", "attainment", "labour_attainment"]
SHARES = ["attainment", "labour_attainment"]
SCOPES = {"all": [], "industry": ["industry"], "site": ["site"], "worker": ["party_key"]}
SHIFT = [
    "entry", "id", "worker", "crew", "job", "site", "job_key", "site_key", "party_key", "started", "ended", "quantity", "hours",
    "headcount", "labour_hours", "helper_hours", "helper_count",
]  # fmt: skip
ATTAINMENT = [
    "entry", "first_entry", "id", "worker", "crew", "job", "site", "industry", "started", "day", "length", "holder", "quantity", "hours",
    "headcount", "labour_hours", "quota", "quota_entry", "expected", "attainment", "labour_attainment", "status", "verdict",
    "quota_after_shift",
]  # fmt: skip
RECORDS = [
    "job", "measure", "scope", "within", "holder", "length", "value", "shift", "entry", "worker", "crew", "site", "started", "set_on",
    "beaten_on", "days_stood", "beaten_by", "status",
]  # fmt: skip
STANDINGS = [
    "from", "until", "party", "name", "rank", "shifts", "quantity", "unit", "expected", "attainment", "basis", "change",
    "shifts_without_quota", "verified", "disputed", "left_out",
]  # fmt: skip
Files = dict[str, list[Path]]


def read(files: Files, kind: str, columns: list[str] | None = None) -> pd.DataFrame:
    """The Parquet files of a kind as one frame, decimals as float64."""
    table = pa.concat_tables([pq.read_table(file, columns=columns) for file in files[kind]])
    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(place, field.name, pc.cast(table[field.name], pa.float64()))
    return table.to_pandas(date_as_object=False)


def attainment(files: Files) -> pd.DataFrame:
    """One row per shift, as judged."""
    shift = read(files, "shift", SHIFT)
    site = read(files, "site", ["key", "timezone", "industry"]).rename(columns={"key": "site_key"})
    job = read(files, "job", ["key", "better"]).rename(columns={"key": "job_key"})
    shift = shift.merge(site, on="site_key").merge(job, on="job_key")
    shift = _with_verdicts(shift, read(files, "verdict"))
    shift["day"] = _local_day(shift)
    shift = shift.sort_values("day", kind="stable", ignore_index=True)
    shift = _with_headcount(shift, read(files, "crew"))
    shift = _with_quota(shift, read(files, "quota"))
    return _with_figures(shift)


def _with_verdicts(shift: pd.DataFrame, verdict: pd.DataFrame) -> pd.DataFrame:
    last = verdict.sort_values("entry").drop_duplicates("shift", keep="last")
    last = last[["shift", "entry", "ruling", "quantity", "hours", "headcount", "helper_hours", "helper_count"]]
    shift = shift.merge(
        last.rename(columns={"shift": "id", "entry": "verdict"}), on="id", how="left", suffixes=("", "_ruled")
    )
    shift["labour_hours"] = shift["labour_hours"].where(shift["helper_count_ruled"].isna())
    for name in ["quantity", "hours", "headcount", "helper_hours", "helper_count"]:
        shift[name] = shift[f"{name}_ruled"].fillna(shift[name])
    shift["status"] = shift["ruling"].fillna("reported").replace("withdrawn", "reported")
    return shift.drop(columns=[name for name in shift.columns if name.endswith("_ruled")])


def _local_day(shift: pd.DataFrame) -> pd.Series:
    day = pd.Series(pd.NaT, index=shift.index, dtype="datetime64[us]")
    for zone, rows in shift.groupby("timezone").groups.items():
        local = shift.loc[rows, "started"].dt.tz_localize("UTC").dt.tz_convert(str(zone)).dt.tz_localize(None)
        day.loc[rows] = local.dt.normalize()
    return day


def _with_headcount(shift: pd.DataFrame, crew: pd.DataFrame) -> pd.DataFrame:
    versions = crew[["key", "from", "headcount"]].rename(columns={"key": "party_key", "headcount": "crew_headcount"})
    versions["from"] = versions["from"].astype("datetime64[us]")
    shift = pd.merge_asof(shift, versions.sort_values("from"), left_on="day", right_on="from", by="party_key").drop(
        columns="from"
    )
    stated = shift["headcount"].fillna(shift["crew_headcount"])
    shift["headcount"] = stated.where(shift["crew"].notna(), 1.0)
    return shift.drop(columns="crew_headcount")


def _with_quota(shift: pd.DataFrame, quota: pd.DataFrame) -> pd.DataFrame:
    """The quota of the party, else of the site, else of all."""
    quota = quota[
        ["entry", "id", "job_key", "site_key", "party_key", "from", "until", "quantity", "hours", "per"]
    ].copy()
    for name in ("from", "until"):
        quota[name] = quota[name].astype("datetime64[us]")
    quota = quota.rename(
        columns={"entry": "quota_entry", "id": "quota", "quantity": "asked", "hours": "asked_hours"}
    ).sort_values("from")
    party, site = quota["party_key"].notna(), quota["site_key"].notna()
    levels = {"party_key": quota[party], "site_key": quota[~party & site], "": quota[~party & ~site]}
    figures = ["quota_entry", "quota", "until", "asked", "asked_hours", "per"]
    found: pd.DataFrame | None = None
    for key, some in levels.items():
        by = ["job_key", *([key] if key else [])]
        some = some[[*by, "from", *figures]].astype(dict.fromkeys(by, "int64"))
        match = pd.merge_asof(shift[["day", *by]], some, left_on="day", right_on="from", by=by)
        match = match[figures].where(match["until"].isna() | (match["day"] < match["until"]))
        found = match if found is None else found.where(found["quota_entry"].notna(), match)
    assert found is not None
    return shift.join(found.drop(columns="until"))


def _with_figures(shift: pd.DataFrame) -> pd.DataFrame:
    shift["long"] = shift["ended"] > shift["started"] + pd.Timedelta(hours=24)
    heads = shift["headcount"].where(shift["per"] == "worker", 1.0)
    hourly = shift["asked_hours"].notna()
    share = (shift["hours"] / shift["asked_hours"]).where(hourly, 1.0)
    shift["expected"] = (shift["asked"] * heads * share).where(hourly | ~shift["long"])
    lower = shift["better"] == "lower"
    above, below = shift["expected"].where(lower, shift["quantity"]), shift["quantity"].where(lower, shift["expected"])
    shift["attainment"] = above / below.where(below != 0)
    own = shift["hours"] * shift["headcount"]
    total, helped = shift["labour_hours"], shift["helper_count"].fillna(0) > 0
    shift["labour_hours"] = total.fillna(own + shift["helper_hours"].fillna(0))
    shift["labour_attainment"] = shift["attainment"] * own / shift["labour_hours"]
    shift["single"] = shift["crew"].isna() & ~helped & ~(total > own)
    shift["rate_per_hour"] = (shift["quantity"] / shift["hours"]).where(~lower)
    shift["rate_per_labour_hour"] = (shift["quantity"] / shift["labour_hours"]).where(~lower)
    return shift


def records(shift: pd.DataFrame) -> pd.DataFrame:
    """Every mark of every class: job (or all jobs) × measure × scope × holder × length."""
    valid = shift[shift["status"] != "annulled"].sort_values("started", kind="stable")
    alone = valid[valid["crew"].isna()]
    found = []
    for scope, names in SCOPES.items():
        rows = alone if scope == "worker" else valid
        lower = rows["better"] == "lower"
        for measure in MEASURES:
            score = rows[measure].where(~lower, -rows[measure]) if measure == "quantity" else rows[measure]
            found.append(_marks(rows, score, ["job_key", *names], scope, measure))
            if measure in SHARES:
                found.append(_marks(rows, score, names, scope, measure))
    return pd.concat(found, ignore_index=True)


def _marks(valid: pd.DataFrame, score: pd.Series, names: list[str], scope: str, measure: str) -> pd.DataFrame:
    """The rows that beat all that started before in their class, and what beat them."""
    keys = [*names, "single", "long"]
    rows = valid[[*keys, "entry", "started", "day", "status"]].assign(score=score)[score.notna().to_numpy()]
    classes = rows.groupby(keys, observed=True, sort=False)
    best = classes["score"].cummax()
    before = best.groupby([rows[key] for key in keys], observed=True, sort=False).shift()
    marks = rows[(rows["score"] > before.fillna(-np.inf)).to_numpy()]
    # of equal starts only the best counts
    marks = marks.drop_duplicates([*keys, "started"], keep="last")
    following = marks.groupby(keys, observed=True, sort=False)
    marks = marks.assign(
        scope=scope, measure=measure, beaten_on=following["day"].shift(-1), beaten_by=following["entry"].shift(-1)
    )
    return marks.assign(days_stood=(marks["beaten_on"] - marks["day"]).dt.days)


def standings(shift: pd.DataFrame) -> pd.DataFrame:
    """Each worker by month: sums, attainment, rank with ties, and the change against the month before."""
    valid = shift[(shift["status"] != "annulled") & shift["crew"].isna()]
    month = valid["day"].dt.to_period("M")
    whole = ~valid["long"]
    left_out = valid.assign(month=month)[~whole].groupby(["month", "party_key"]).size().rename("left_out")
    counted = valid.assign(month=month)[whole]
    judged = counted["expected"].notna()
    counted = counted.assign(
        judged_quantity=counted["quantity"].where(judged),
        without_quota=~judged,
        verified=counted["status"] == "verified",
        disputed=counted["status"] == "disputed",
    )
    groups = counted.groupby(["month", "party_key"], sort=False)
    table = groups.agg(
        shifts=("entry", "size"), quantity=("judged_quantity", "sum"), expected=("expected", "sum"), mean=("attainment", "mean"),
        first_job=("job_key", "min"), last_job=("job_key", "max"), shifts_without_quota=("without_quota", "sum"),
        verified=("verified", "sum"), disputed=("disputed", "sum"),
    ).reset_index()  # fmt: skip
    table = table.join(left_out, on=["month", "party_key"]).fillna({"left_out": 0})
    one_job = table["first_job"] == table["last_job"]
    table["attainment"] = (table["quantity"] / table["expected"]).where(one_job, table["mean"])
    table["rank"] = table.groupby("month")["attainment"].rank(method="min", ascending=False)
    table = table.sort_values(["party_key", "month"])
    table["change"] = table["attainment"] - table.groupby("party_key")["attainment"].shift()
    return table


def told_attainment(shift: pd.DataFrame) -> pd.DataFrame:
    """The columns of the table."""
    return shift.assign(
        length=np.where(shift["long"], "period", "shift"),
        holder=np.where(shift["single"], "single", "crew"),
        first_entry=shift["entry"],  # nothing is replaced in the benchmark's work
        quota_after_shift=shift["quota_entry"] > shift["entry"],
    )[ATTAINMENT]


def told_records(marks: pd.DataFrame, shift: pd.DataFrame) -> pd.DataFrame:
    """The columns of the table, with names for what the marks carry as keys, and each class beneath the other."""
    names = shift.set_index("entry")[["id", "worker", "crew", "job", "site", "industry"]]
    marks = marks.drop(columns=["site", "industry"], errors="ignore").join(
        names.rename(columns={"id": "shift"}), on="entry"
    )
    marks["beaten_by"] = marks["beaten_by"].map(names["id"])
    within = {"industry": marks["industry"], "site": marks["site"], "worker": marks["worker"]}
    marks["within"] = np.select([marks["scope"] == scope for scope in within], list(within.values()), None)
    marks["job"] = marks["job"].where(marks["job_key"].notna())
    marks["value"] = marks["score"].abs()
    marks["holder"] = np.where(marks["single"], "single", "crew")
    marks["length"] = np.where(marks["long"], "period", "shift")
    classes = ["job", "measure", "scope", "within", "holder", "length", "started", "entry"]
    return marks.rename(columns={"day": "set_on"}).sort_values(classes, ignore_index=True)[RECORDS]


def told_standings(table: pd.DataFrame, files: Files) -> pd.DataFrame:
    """The columns of the table, the best of each month first."""
    names = read(files, "worker", ["key", "id", "name"]).drop_duplicates("key", keep="last").set_index("key")
    units = read(files, "job", ["key", "unit"]).set_index("key")["unit"]
    table["from"], table["until"] = table["month"].dt.start_time, (table["month"] + 1).dt.start_time
    table["party"], table["name"] = table["party_key"].map(names["id"]), table["party_key"].map(names["name"])
    one_job = table["first_job"] == table["last_job"]
    table["unit"] = table["first_job"].map(units).where(one_job)
    table["basis"] = np.where(one_job, "sum", "mean")
    for name in ("quantity", "expected"):
        table[name] = table[name].where(one_job)
    return table.sort_values(["month", "rank", "party"], ignore_index=True)[STANDINGS]


def all_three(files: Files) -> dict[str, pd.DataFrame]:
    """The three tables; the shifts with their figures are computed once."""
    shift = attainment(files)
    return {
        "attainment": told_attainment(shift),
        "records": told_records(records(shift), shift),
        "standings": told_standings(standings(shift), files),
    }
