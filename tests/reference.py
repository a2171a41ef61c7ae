"""The plainest Python that could compute the derived tables: dict entries in, rows out, one shift after the other, in fractions.

An entry is a dict of canonical values as it stands in the log (`kind` among them); its index is its position in the list. Nothing here
is fast and nothing is shared with the package but the words.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo

IDENTITY = dict.fromkeys(("site", "job", "quota", "shift", "count", "rule", "campaign", "practice", "source"), ("id",))
IDENTITY |= dict.fromkeys(("worker", "crew"), ("id", "from"))
MEASURES = ("quantity", "rate_per_hour", "rate_per_labour_hour", "attainment", "labour_attainment")
DAY = timedelta(hours=24)
ROOM = 2**127  # what an exact product of 18 places may come to, in units of the last place


def down(number, places, before):
    """A fraction rounded down to so many places; None when it has more digits before the point than `before`."""
    if number is None:
        return None
    rounded = Fraction(floor(number * 10**places), 10**places)
    return None if rounded >= 10**before else rounded


def decimal(number, places):
    return None if number is None else Decimal(floor(number * 10**places)).scaleb(-places)


def known(entries, size):
    """kind -> [(index, place, entry)]: what stands as known at a size."""
    gone, places, first = set(), {}, {}
    for index, entry in enumerate(entries[:size]):
        names = IDENTITY.get(entry["kind"])
        identity = (entry["kind"], *(entry[name] for name in names)) if names else None
        replaced = entry.get("replaces")
        if replaced is None:
            if identity in first:
                gone.add(index)
            elif identity:
                first[identity] = index
            places[index] = index
        else:
            gone.add(replaced)
            places[index] = places[replaced]
    found = defaultdict(list)
    for index, entry in enumerate(entries[:size]):
        if index not in gone and not entry.get("void"):
            found[entry["kind"]].append((index, places[index], entry))
    return found


def moment(text):
    return datetime.fromisoformat(text)


def day_of(when, zone):
    return when.astimezone(ZoneInfo(zone)).date()


def fraction(entry, name):
    return None if entry is None or entry.get(name) is None else Fraction(entry[name])


def quota_of(shift, day, book):
    """(index, entry) of the quota that judges a shift."""
    if shift.get("quota") is not None:
        named = [(i, q) for i, _, q in book["quota"] if q["id"] == shift["quota"]]
        return next(((i, q) for i, q in named if q["per"] == "worker" or shift.get("crew")), None)
    fits = []
    for index, place, quota in book["quota"]:
        same = all(quota.get(name) in (None, shift.get(name)) for name in ("job", "site", "worker", "crew"))
        valid = quota["from"] <= day.isoformat() and (quota.get("until") is None or day.isoformat() < quota["until"])
        if same and valid and (quota["per"] == "worker" or shift.get("crew")):
            party = bool(quota.get("worker") or quota.get("crew"))
            fits.append(((party, quota.get("site") is not None, quota["from"], place), index, quota))
    return max(fits, key=lambda fit: fit[0])[1:] if fits else None


def crew_headcount(crew, day, book):
    versions = [entry for _, _, entry in book["crew"] if entry["id"] == crew and entry["from"] <= day.isoformat()]
    if not versions:
        return None
    version = max(versions, key=lambda entry: entry["from"])
    return Fraction(version["headcount"]) if "headcount" in version else Fraction(len(version["members"]))


def attainment(entries, size=None, ruled=True):
    """One dict per shift, by place; figures are fractions. With `ruled` false, as if there were no verdicts."""
    book = known(entries, size)
    rows = [_judged(index, place, shift, book, ruled) for index, place, shift in book["shift"]]
    return sorted(rows, key=lambda row: row["first_entry"])


def _judged(index, place, shift, book, ruled):
    rulings = [(p, i, v) for i, p, v in book["verdict"] if v["shift"] == shift["id"]] if ruled else []
    _, verdict_index, verdict = max(rulings, key=lambda found: found[0]) if rulings else (None, None, {})
    site = next(entry for _, _, entry in book["site"] if entry["id"] == shift["site"])
    job = next(entry for _, _, entry in book["job"] if entry["id"] == shift["job"])
    started = moment(shift["started"])
    day = day_of(started, site["timezone"])
    now = {
        **shift,
        **{name: verdict[name] for name in ("quantity", "hours", "headcount", "helpers") if name in verdict},
    }
    if "helpers" in verdict:
        now.pop("labour_hours", None)
    ended = moment(shift["ended"]) if "ended" in shift else None
    long = ended is not None and ended - started > DAY
    people = Fraction(1) if "worker" in shift else fraction(now, "headcount")
    if people is None:
        people = crew_headcount(shift["crew"], day, book)
    hours, quantity, total = fraction(now, "hours"), fraction(now, "quantity"), fraction(now, "labour_hours")
    own = None if hours is None or people is None else hours * people
    helpers = now.get("helpers") or []
    labour = total if total is not None else None if own is None else own + sum(Fraction(h["hours"]) for h in helpers)
    judge = quota_of(shift, day, book)
    expected = _expected(judge[1], hours, people, long) if judge else None
    above, below = (expected, quantity) if job["better"] == "lower" else (quantity, expected)
    ratio = None if above is None or not below else above / below
    alone = not helpers and total is None
    known_own = own is not None and ratio is not None and above * own * 10**18 < ROOM
    shared = ratio if alone else ratio * own / labour if known_own else None
    ruling = verdict.get("ruling", "withdrawn")
    return {
        "entry": index, "first_entry": place, "id": shift["id"], "worker": shift.get("worker"), "crew": shift.get("crew"), "job": job["id"],
        "site": site["id"], "industry": site["industry"], "started": started, "day": day, "length": "period" if long else "shift",
        "holder": "single" if "worker" in shift and not helpers and not (total and own and total > own) else "crew",
        "quantity": quantity, "hours": hours, "headcount": people, "labour_hours": labour, "quota": judge[1]["id"] if judge else None,
        "quota_entry": judge[0] if judge else None, "expected": expected, "attainment": down(ratio, 6, 12),
        "labour_attainment": down(shared, 6, 12), "status": "reported" if ruling == "withdrawn" else ruling, "verdict": verdict_index,
        "quota_after_shift": judge[0] > place if judge else None,
        # not columns: what the other tables look at
        "lower": job["better"] == "lower", "unit": (job["unit"], job["better"]), "own": own, "above": above, "below": below,
        "alone": alone, "precision": shift.get("precision"),
        "last_day": day_of(ended - timedelta(microseconds=1), site["timezone"]) if long else day,
    }  # fmt: skip


def _expected(quota, hours, people, long):
    time = None if long else Fraction(1)
    if quota.get("hours") is not None:
        time = None if hours is None else hours / Fraction(quota["hours"])
    count = Fraction(1) if quota["per"] == "crew" else people
    return None if time is None or count is None else down(Fraction(quota["quantity"]) * time * count, 9, 18)


# ---- records


def value_of(row, measure):
    if measure in ("quantity", "attainment", "labour_attainment"):
        return row[measure]
    hours = row["hours"] if measure == "rate_per_hour" else row["labour_hours"]
    return None if row["lower"] or not hours else down(row["quantity"] / hours, 6, 12)


def records(entries, size=None, ruled=True):
    """One dict per mark of every class."""
    rows = [row for row in attainment(entries, size, ruled) if row["status"] != "annulled"]
    classes = defaultdict(list)
    for row in rows:
        for measure in MEASURES:
            value = value_of(row, measure)
            if value is None:
                continue
            score = -value if measure == "quantity" and row["lower"] else value
            for scope, within in (
                ("all", None),
                ("industry", row["industry"]),
                ("site", row["site"]),
                ("worker", row["worker"]),
            ):
                if scope == "worker" and within is None:
                    continue
                for job in [row["job"], *([None] if "attainment" in measure else [])]:
                    classes[job, measure, scope, within, row["holder"], row["length"]].append((score, row))
    return [mark for key, members in classes.items() for mark in _progression(key, members)]


def _order(row):
    return (row["started"], row["first_entry"] + 1 if row["precision"] else 0)


def _progression(key, members):
    marks = []
    for score, row in members:
        before = [s for s, other in members if _order(other) < _order(row)]
        beside = [s for s, other in members if _order(other) == _order(row)]
        if score == max(beside) and (not before or score > max(before)):
            marks.append((score, row))
    names = ("job", "measure", "scope", "within", "holder", "length")
    for score, row in marks:
        better = [other for s, other in marks if s > score]
        first = min(better, key=lambda other: (_order(other), other["first_entry"])) if better else None
        yield dict(zip(names, key, strict=True)) | {
            "value": abs(score), "shift": row["id"], "entry": row["entry"], "worker": row["worker"], "crew": row["crew"],
            "site": row["site"], "started": row["started"], "set_on": row["day"], "beaten_on": first and first["day"],
            "days_stood": first and max((first["day"] - row["day"]).days, 0), "beaten_by": first and first["id"], "status": row["status"],
            "row": row,
        }  # fmt: skip


# ---- standings


def period_of(day, period):
    """[first day, day after the last) of the period that holds a day."""
    if period == "day":
        return day, day + timedelta(1)
    if period == "week":
        monday = day - timedelta(day.weekday())
        return monday, monday + timedelta(7)
    if period == "all":
        return None, None
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    start = date(day.year, (day.month - 1) // months * months + 1, 1)
    end = start.month - 1 + months
    return start, date(start.year + end // 12, end % 12 + 1, 1)


def holds(row, period):
    """Whether the period in which a report started holds it whole."""
    vague = {"month": ("day", "week"), "year": ("day", "week", "month", "quarter")}
    return period_of(row["day"], period) == period_of(row["last_day"], period) and period not in vague.get(
        row["precision"], ()
    )


def figure(rows, labour):
    """(attainment, basis) over rows that count."""
    name = "labour_attainment" if labour else "attainment"
    alike = len({row["unit"] for row in rows}) <= 1
    figures = [row[name] for row in rows if row[name] is not None]
    known_rows = [row for row in rows if share(row, labour) is not None]
    if alike and len(known_rows) != 1:
        below = sum(row["below"] for row in known_rows)
        return (down(sum(share(row, labour) for row in known_rows) / below, 6, 12) if below else None), "sum"
    return (down(sum(figures) / len(figures), 6, 12) if figures else None), "sum" if alike else "mean"


def share(row, labour):
    if row["expected"] is None:
        return None
    if not labour or row["alone"]:
        return row["above"]
    return (
        None
        if row["own"] is None or row["above"] * row["own"] * 10**18 >= ROOM
        else down(row["above"] * row["own"] / row["labour_hours"], 9, 18)
    )


def standings(
    entries, size=None, *, period="month", scope="worker", labour=False, verified_only=False, minimum_shifts=0, job=None, site=None
):  # fmt: skip
    """One dict per party and period."""
    groups = defaultdict(list)
    for row in attainment(entries, size):
        party = None if scope == "all" else row[scope]
        wanted = row["status"] == "verified" if verified_only else row["status"] != "annulled"
        asked = job in (None, row["job"]) and site in (None, row["site"])
        if wanted and (party is not None or scope == "all") and asked:
            groups[period_of(row["day"], period), party].append(row)
    names = _names(known(entries, size), scope)
    table = {}
    for (span, party), rows in groups.items():
        whole = [row for row in rows if holds(row, period)]
        if len(whole) >= minimum_shifts:
            table[span, party] = _standing(span, party, rows, whole, labour, names)
    for (span, party), row in table.items():
        better = [
            other
            for (s, _), other in table.items()
            if s == span and (other["attainment"] or -1) > (row["attainment"] or -1)
        ]
        row["rank"] = None if row["attainment"] is None else len(better) + 1
        before = [other for (s, p), other in table.items() if p == party and s[1] is not None and s[1] == span[0]]
        missing = not before or before[0]["attainment"] is None or row["attainment"] is None
        row["change"] = None if missing else row["attainment"] - before[0]["attainment"]
    return list(table.values())


def _standing(span, party, rows, whole, labour, names):
    attained, basis = figure(whole, labour)
    one_unit = whole and len({row["unit"] for row in whole}) == 1
    with_figure = [row for row in whole if share(row, labour) is not None]
    return {
        "from": span[0], "until": span[1], "party": party, "name": names.get(party), "shifts": len(whole),
        "quantity": sum(row["quantity"] for row in whole) if one_unit else None, "unit": whole[0]["unit"][0] if one_unit else None,
        "expected": sum(row["expected"] for row in with_figure) if one_unit and with_figure else None,
        "attainment": attained, "basis": basis, "shifts_without_quota": len(whole) - len(with_figure),
        "verified": sum(row["status"] == "verified" for row in whole), "disputed": sum(row["status"] == "disputed" for row in whole),
        "left_out": len(rows) - len(whole),
    }  # fmt: skip


def _names(book, scope):
    if scope in ("industry", "all"):
        return {}
    versions = sorted(book[scope], key=lambda found: (found[2].get("from", ""), found[1]))
    return {entry["id"]: entry.get("name") for _, _, entry in versions}


# ---- honours


def honours(entries, size=None):
    """One dict per honour earned, granted or lost."""
    book = known(entries, size)
    now, was = ({_key(given): given for given in _given(entries, size, book, ruled)} for ruled in (True, False))
    newest = max((index for index, _, _ in book["verdict"]), default=-1)
    found = [{**given, "status": "earned", "award": None} for given in now.values()]
    found += [
        {**given, "status": "basis lost", "award": None}
        for key, given in was.items()
        if key not in now and newest > given["rule_entry"]
    ]
    return found + [
        _granted(index, award, entries, size, book, list(now.values())) for index, _, award in book["award"]
    ]


def _key(given):
    return given["rule_entry"], given["worker"], given["crew"], given["from"], given["shift_of_occasion"]


def _given(entries, size, book, ruled):
    rows = [row for row in attainment(entries, size, ruled) if row["status"] != "annulled"]
    marks = records(entries, size, ruled)
    for index, _, rule in book["rule"]:
        asked = rule["conditions"]
        base = {"rule_entry": index, "rule": rule["id"], "honour": rule["gives"], "measure": asked["measure"]}
        fits = [row for row in rows if _fits(row, rule)]
        if asked.get("record"):
            for mark in marks:
                same = (
                    mark["measure"] == asked["measure"]
                    and mark["scope"] == asked.get("scope", "all")
                    and mark["job"] is not None
                )
                if same and mark["row"] in fits and mark["value"] >= Fraction(asked.get("at_least", "0")):
                    yield base | _by_one(mark["row"], mark["value"], mark["entry"])
            continue
        period = asked.get("period", "shift")
        groups = defaultdict(list)
        for row in fits:
            if period == "shift":
                groups[row["worker"], row["crew"], row["id"]].append(row)
            elif holds(row, period):
                groups[row["worker"], row["crew"], period_of(row["day"], period)].append(row)
        for (worker, crew, span), members in groups.items():
            value = _reached(members, asked["measure"])
            enough = (
                value is not None
                and value >= Fraction(asked["at_least"])
                and len(members) >= asked.get("shifts_at_least", 0)
            )
            if enough and period == "shift":
                yield base | _by_one(members[0], value, span)
            elif enough:
                yield base | {
                    "worker": worker, "crew": crew, "value": value, "from": span[0], "until": span[1], "on": None,
                    "shift": members[0]["id"] if len(members) == 1 else None, "entries": [row["entry"] for row in members],
                    "shift_of_occasion": None,
                }  # fmt: skip


def _by_one(row, value, occasion):
    return {
        "worker": row["worker"], "crew": row["crew"], "value": value, "from": None, "until": None, "on": row["day"], "shift": row["id"],
        "entries": [row["entry"]], "shift_of_occasion": row["first_entry"],
    }  # fmt: skip


def _fits(row, rule):
    asked = rule["conditions"]
    same = all(asked.get(name) in (None, row[name]) for name in ("job", "industry", "site", "holder", "length"))
    in_force = rule["from"] <= row["day"].isoformat() and (
        rule.get("until") is None or row["day"].isoformat() < rule["until"]
    )
    return same and in_force and (row["status"] == "verified" or not asked.get("verified_only"))


def _reached(rows, measure):
    if measure in ("attainment", "labour_attainment"):
        return figure(rows, measure == "labour_attainment")[0]
    if len({row["unit"] for row in rows}) > 1:
        return None
    if measure == "quantity":
        return sum(row["quantity"] for row in rows)
    hours = "hours" if measure == "rate_per_hour" else "labour_hours"
    rated = [row for row in rows if not row["lower"] and row[hours]]
    return down(sum(row["quantity"] for row in rated) / sum(row[hours] for row in rated), 6, 12) if rated else None


def _granted(index, award, entries, size, book, now):
    rule = next((entry for _, _, entry in book["rule"] if entry["id"] == award.get("rule")), None)
    named = award.get("for")
    judged = {row["id"]: row for row in attainment(entries, size)}
    reported = {row["id"]: row for row in attainment(entries, size, ruled=False)}
    shifts = [judged[name] for name in named or () if name in judged]
    if award.get("rule"):
        kept = [
            g
            for g in now
            if (g["rule"], g["worker"], g["crew"]) == (award["rule"], award.get("worker"), award.get("crew"))
        ]
        holds_still = any(named is None or {row["entry"] for row in shifts} & set(given["entries"]) for given in kept)
    else:
        stand = [
            row for row in shifts if row["status"] != "annulled" and row["holder"] == reported[row["id"]]["holder"]
        ]
        holds_still = named is None or bool(stand)
    return {
        "honour": award.get("name") or (rule and rule["gives"]), "status": "granted" if holds_still else "basis lost",
        "rule": award.get("rule"), "award": index, "worker": award.get("worker"), "crew": award.get("crew"), "measure": None, "value": None,
        "from": None, "until": None, "on": award.get("on"), "shift": named[0] if named and len(named) == 1 else None,
        "entries": sorted(row["entry"] for row in shifts) if named else None,
    }  # fmt: skip


# ---- quotas and shares


def quotas(entries, size=None, *, job=None, shifts=False):
    """One dict per quota, against the one that it follows."""
    book = known(entries, size)
    judged = [row["quota_entry"] for row in attainment(entries, size)]
    early = [row["quota_entry"] for row in attainment(entries, size) if row["quota_after_shift"]]
    found = []
    for index, place, quota in book["quota"]:
        if job in (None, quota["job"]):
            group = sorted((one for one in book["quota"] if _asked_of(one[2]) == _asked_of(quota)), key=_by_day)
            row = _quota(index, place, quota, group, book)
            counts = {"shifts": judged.count(index), "shifts_earlier": early.count(index)} if shifts else {}
            found.append(row | {"shifts": None, "shifts_earlier": None} | counts)
    return found


def _asked_of(quota):
    return tuple(quota.get(name) for name in ("job", "per", "site", "worker", "crew"))


def _by_day(found):
    return (found[2]["from"], found[1])


def _quota(index, place, quota, group, book):
    earlier = [one for one in group if _by_day(one) < (quota["from"], place)]
    later = [one["from"] for _, _, one in group if "until" not in one and one["from"] > quota["from"]]
    last = earlier[-1] if earlier else (None, None, {})
    before = None
    if earlier and ("hours" in quota) == ("hours" in last[2]):
        ratio = Fraction(quota["hours"]) / Fraction(last[2]["hours"]) if "hours" in quota else 1
        before = down(Fraction(last[2]["quantity"]) * ratio, 9, 18)
    factor = down(Fraction(quota["quantity"]) / before, 6, 12) if before else None
    names = ("job", "per", "site", "worker", "crew", "from", "until", "basis", "consequence", "by")
    return {name: quota.get(name) for name in names} | {
        "quota": quota["id"], "entry": index, "unit": next(one["unit"] for _, _, one in book["job"] if one["id"] == quota["job"]),
        "quantity": Fraction(quota["quantity"]), "hours": fraction(quota, "hours"),
        "ends": quota.get("until") or (min(later) if later else None), "follows": last[2].get("id"), "follows_entry": last[0],
        "before": before, "factor": factor, "recorded": moment(quota["recorded"]),
    }  # fmt: skip


def shares(entries, size=None, *, period="month", scope="worker", labour=False, job=None):
    """One dict per job and period."""
    groups = defaultdict(list)
    for row in attainment(entries, size):
        wanted = row["status"] != "annulled" and row[scope] is not None and job in (None, row["job"])
        if wanted and holds(row, period):
            groups[row["job"], period_of(row["day"], period)].append(row)
    return [_share_of(key, rows, scope, labour) for key, rows in groups.items()]


def _share_of(key, rows, scope, labour):
    parties = defaultdict(list)
    for row in rows:
        if share(row, labour) is not None:
            parties[row[scope]].append(row)
    sums = [(sum(share(row, labour) for row in own), sum(row["below"] for row in own)) for own in parties.values()]
    met = sum(above >= below for above, below in sums if below)
    compared = sum(below > 0 for _, below in sums)
    return {
        "job": key[0], "from": key[1][0], "until": key[1][1], "parties": compared, "met": met,
        "share": down(Fraction(met, compared), 6, 12) if compared else None, "shifts": len(rows),
        "shifts_without_quota": sum(share(row, labour) is None for row in rows),
        "entries": sorted({row["quota_entry"] for row in rows if row["quota_entry"] is not None})[:20] or None,
    }  # fmt: skip


# ---- spread


def spread(entries, size=None, *, period="month", by="job", labour=False):
    """One dict per job or industry and period."""
    figure, groups, ever = "labour_attainment" if labour else "attainment", defaultdict(list), defaultdict(list)
    for row in attainment(entries, size):
        if row["status"] != "annulled" and row[figure] is not None and holds(row, period):
            groups[row[by], period_of(row["day"], period)].append(row)
            ever[row[by]].append(row)
    names = {entry["id"]: entry["name"] for _, _, entry in known(entries, size)["job"]} if by == "job" else {}
    return [_spread_of(*key, rows, figure, ever[key[0]]) | {"name": names.get(key[0])} for key, rows in groups.items()]


def _spread_of(party, span, rows, figure, ever):
    met = [row for row in rows if row[figure] >= 1]
    all_met = [row for row in ever if row[figure] >= 1]
    first = min(all_met, key=lambda row: (row["started"], row["first_entry"]), default={})
    return {
        "party": party, "from": span[0], "until": span[1], "shifts": len(rows), "met": len(met),
        "share": down(Fraction(len(met), len(rows)), 6, 12), "best": max(row[figure] for row in rows),
        "first_met": first.get("day"), "first": first.get("id"), "entry": first.get("entry"),
    }  # fmt: skip
