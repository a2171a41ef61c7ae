"""The plainest Python that could compute the findings of the checks that count: one dict (entry, about, score) per finding."""

from collections import defaultdict
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from math import hypot, log
from statistics import median

import reference
from reference import DAY, fraction, moment

HOUR = timedelta(hours=1)
FAR = timedelta(days=36600)


def standing(entries, size=None):
    """Judged shifts that are not annulled, with their entry (`raw`) and when they end."""
    book = reference.known(entries, size)
    raw = {index: entry for index, _, entry in book["shift"]}
    verdicts = {v["shift"]: v for _, _, v in sorted(book["verdict"], key=lambda found: found[1])}
    rows = []
    for row in reference.attainment(entries, size):
        shift = raw[row["entry"]]
        if row["status"] == "annulled":
            continue
        row["raw"] = shift
        row["helpers"] = verdicts.get(row["id"], {}).get("helpers", shift.get("helpers")) or []
        row["ends"] = moment(shift["ended"]) if "ended" in shift else None
        if row["ends"] is None and row["hours"] is not None:
            row["ends"] = after(row["started"], row["hours"])
        row["placed"] = row["precision"] is None and row["length"] == "shift"
        row["party"] = row["worker"] or row["crew"]
        rows.append(row)
    return book, rows


def after(when, hours):
    return when + timedelta(microseconds=round(hours * 3_600_000_000))


def hours_between(start, end):
    return Fraction(int((end - start).total_seconds()), 3600)


def found(entry, score, about=None):
    return {"entry": entry, "about": about, "score": float(score)}


def over_capacity(entries, size=None):
    book, rows = standing(entries, size)
    capacity = {job["id"]: fraction(job, "capacity") for _, _, job in book["job"] if job["better"] == "higher"}
    for row in rows:
        most = capacity.get(row["job"])
        if most is not None and row["labour_hours"] and row["quantity"] > most * row["labour_hours"]:
            yield found(row["entry"], row["quantity"] / (most * row["labour_hours"]))


def claimed_attainment(entries, size=None):
    book, rows = standing(entries, size)
    claims = [row for row in rows if "claimed_attainment" in row["raw"] and row["status"] != "adjusted"]
    places = lambda text: len(text.partition(".")[2])  # noqa: E731
    habits = defaultdict(list)
    for _, _, shift in book["shift"]:
        if "claimed_attainment" in shift:
            habits[shift["by"]].append(places(shift["claimed_attainment"]))
    quoted = {quota["job"] for _, _, quota in book["quota"]}
    lone = defaultdict(list)
    for row in claims:
        text, habit = row["raw"]["claimed_attainment"], habits[row["raw"]["by"]]
        stated = max(places(text), int(median(habit)) if len(habit) >= 20 else 0)
        step, claimed = Fraction(1, 10**stated), Fraction(text)
        figures = [row[name] for name in ("attainment", "labour_attainment") if row[name] is not None]
        if row["quota_entry"] is None and row["job"] in quoted:
            lone[row["job"], row["site"]].append(row["entry"])
        elif row["attainment"] is not None and all(abs(claimed - figure) >= step for figure in figures):
            yield found(row["entry"], abs(claimed - row["attainment"]) / step)
    for (_, site), members in lone.items():
        if len(members) > 5:
            yield found(min(members), len(members), site)
        else:
            yield from (found(entry, 1) for entry in members)


def count_mismatch(entries, size=None):
    book, rows = standing(entries, size)
    for index, _, count in book["count"]:
        since, until, counted = moment(count["from"]), moment(count["until"]), Fraction(count["quantity"])
        least = most = Fraction(0)
        for row in rows:
            if (row["job"], row["site"]) != (count["job"], count["site"]):
                continue
            last = row["ends"]
            if row["precision"]:
                last = max(
                    last or row["started"], row["started"] + timedelta(days=31 if row["precision"] == "month" else 366)
                )
            if row["started"] >= until or (row["started"] < since and (last is None or last <= since)):
                continue
            most += row["quantity"]
            least += row["quantity"] if row["started"] >= since and (last is None or last <= until) else 0
        tolerance = fraction(count, "tolerance") if "tolerance" in count else counted / 50
        apart = max(counted - most, least - counted)
        if apart > tolerance:
            yield found(index, apart / tolerance if tolerance else -1, count["site"])


def duplicate(entries, size=None):
    _, rows = standing(entries, size)
    groups = defaultdict(list)
    for row in rows:
        if row["placed"] and row["quantity"] > 0:
            groups[row["party"], row["job"], row["site"], row["quantity"]].append(row)
    for members in groups.values():
        for first, second in pairwise(sorted(members, key=lambda row: (row["started"], row["entry"]))):
            if first["ends"] is not None:
                again = second["started"] < first["ends"]
            else:
                of_job = [row for row in rows if (row["party"], row["job"]) == (first["party"], first["job"])]
                alike = sum(row["quantity"] == first["quantity"] for row in of_job)
                usual = alike > 2 and alike * 10 > len(of_job)
                again = second["started"] <= first["started"] + HOUR / 2 and not usual
            if again:
                yield found(second["entry"], second["quantity"])


def _people(rows):
    """(person, helps, starts, ends, row) for whoever was there, with what is known of when."""
    for row in rows:
        if not row["placed"] or row["ends"] is None:
            continue
        if row["worker"]:
            yield row["worker"], False, row["started"], row["ends"], row["hours"], row
        for helper in row["helpers"]:
            hours = Fraction(helper["hours"])
            begins = max(row["started"], after(row["ends"], -hours))
            leaves = min(row["ends"], after(row["started"], hours))
            known = (begins, leaves) if begins < leaves else (None, None)
            yield helper["worker"], True, *known, hours, row


def overlap(entries, size=None):
    _, rows = standing(entries, size)
    spans = defaultdict(list)
    for person, *span in _people(rows):
        spans[person].append(span)
    for person, members in spans.items():
        told = set()

        def latest(before, kind):
            return max((span for span in before if span[0] == kind), key=lambda span: span[2], default=None)

        sure = sorted((span for span in members if span[1]), key=lambda span: (span[1], span[4]["entry"], span[0]))
        for place, (helps, starts, ends, _, row) in enumerate(sure):
            own, help = latest(sure[:place], False), latest(sure[:place], True)
            by_own = own is not None and own[2] > starts
            by_help = help is not None and help[2] > starts and (not helps or help[4]["site"] != row["site"])
            if not by_own and not by_help:
                continue
            other = own if by_own else help
            told |= {row["entry"], other[4]["entry"]}
            same = all(row[name] == other[4][name] for name in ("job", "site", "quantity"))
            if helps or other[0] or not same:
                yield found(row["entry"], round(hours_between(starts, min(ends, other[2])), 2), person)
        yield from _too_many(person, members, told)


def _too_many(person, members, told):
    days = defaultdict(list)
    for span in members:
        if span[3] is not None:
            days[span[4]["day"]].append(span)
    for claims in days.values():
        total = sum(span[3] for span in claims if not span[0])
        for site in {span[4]["site"] for span in claims if span[0]}:
            total += max(span[3] for span in claims if span[0] and span[4]["site"] == site)
        first, last = min(span[4]["started"] for span in claims), max(span[4]["ends"] for span in claims)
        over = total - max(24, hours_between(first, last))
        listed = {span[4]["entry"] for span in claims}
        if over > 0.000001 and not listed & told:
            yield found(max(listed), over, person)


def backdated(entries, size=None):
    book, rows = standing(entries, size)
    kinds = ("site", "job", "worker", "crew", "quota", "shift", "source")
    began = min(moment(entry["recorded"]) for kind in kinds for _, _, entry in book[kind])
    batches = defaultdict(list)
    for row in rows:
        if row["precision"] is None and row["entry"] == row["first_entry"]:
            done = max(row["ends"] or row["started"], began)
            lag = max(hours_between(done, moment(row["raw"]["recorded"])), 0) / 24
            batches[row["raw"]["by"], row["raw"]["recorded"]].append((row["entry"], lag, row))
    lags = {key: median(lag for _, lag, _ in members) for key, members in batches.items()}
    for (by, recorded), members in batches.items():
        own = [lag for (who, _), lag in lags.items() if who == by]
        known = own if len(own) >= 20 else list(lags.values())
        usual = quantile(known, Fraction(9, 10)) if len(known) >= 20 else 0
        late = [
            (entry, lag) for entry, lag, row in members
            if lag > 3 * usual and (lag > 14 or (lag > 2 and _closed(row, moment(recorded), book)))
        ]  # fmt: skip
        if late:
            yield found(min(late)[0], max(lag for _, lag in late), None if len(late) == 1 else by)


def quantile(values, share):
    """By linear interpolation between the two neighbours."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def _closed(row, recorded, book):
    for _, _, rule in book["rule"]:
        asked = rule["conditions"]
        covered = asked.get("job") in (None, row["job"]) and asked.get("site") in (None, row["site"])
        day = str(row["started"].date())
        next_day = str(recorded.date() + DAY)
        if "until" in rule and covered and next_day == rule["until"] and rule["from"] <= day < rule["until"]:
            return True
    return any(
        row["id"] in award.get("for", []) and timedelta(0) <= moment(award["recorded"]) - recorded <= DAY
        for _, _, award in book["award"]
    )


def displaced(entries, size=None):
    """Findings before false discoveries are controlled."""
    rows = [
        row
        for row in standing(entries, size)[1]
        if row["placed"] and row["holder"] == "single" and not row["lower"] and row["hours"]
    ]
    rates, groups = defaultdict(list), []
    for row in sorted(rows, key=lambda row: (row["job"], row["site"], row["started"], row["entry"])):
        rates[row["job"], row["worker"]].append(float(row["quantity"]) / float(row["hours"]))
        last = groups[-1][-1] if groups else None
        beside = last and (last["job"], last["site"]) == (row["job"], row["site"])
        if beside and row["started"] - last["started"] <= HOUR * 3 / 2:
            groups[-1].append(row)
        else:
            groups.append([row])
    groups = [group for group in groups if len(group) > 3]
    usual = _usual_rates(rates, {(row["job"], row["worker"]) for group in groups for row in group})
    for group in groups:
        yield from _moved([(row, *usual(row["job"], row["worker"])) for row in group])


def _usual_rates(rates, looked_at):
    """Of a job and a worker: the usual rate, and the relative spread."""
    spread = lambda some, middle: 1.4826 * median(abs(rate / middle - 1) for rate in some)  # noqa: E731
    known = {key: some for key, some in rates.items() if key in looked_at and len(some) >= 5 and median(some) > 0}
    off = defaultdict(list)
    for (job, _), some in known.items():
        off[job] += [abs(rate / median(some) - 1) for rate in some]

    whole = {job: median(rate for (of, _), some in rates.items() if of == job for rate in some) for job, _ in rates}
    ratios = defaultdict(list)
    for (job, worker), some in rates.items():
        ratios[worker] += [(job, rate / whole[job]) for rate in some]
    present = {worker for _, worker in looked_at}
    gifts = {who: median(r for _, r in some) for who, some in ratios.items() if who in present and len(some) >= 5}

    def newcomer(job, worker):
        if worker in gifts:
            everybody = [r / gifts[who] for who, some in ratios.items() if who in gifts for of, r in some if of == job]
            return whole[job] * gifts[worker], spread(everybody, 1)
        return whole[job], spread([rate for (of, _), some in rates.items() if of == job for rate in some], whole[job])

    def usual(job, worker):
        if (job, worker) not in known:
            return newcomer(job, worker)
        some = known[job, worker]
        least = 1.4826 * median(off[job]) * (0.5 if len(some) >= 10 else 1)
        return median(some), max(spread(some, median(some)), least)

    return usual


def _moved(group):
    figures = []
    for row, middle, share in group:
        usually = middle * float(row["hours"])
        figures.append((row, usually, float(row["quantity"]) - usually, usually * share))
    for row, usually, excess, spread in figures:
        rest = [figure for figure in figures if figure[0] is not row]
        others, width = sum(figure[2] for figure in rest), sum(figure[3] ** 2 for figure in rest) ** 0.5
        own_z = log(max(float(row["quantity"]) / usually, 1e-9)) * usually / spread
        whole = hypot(width, spread)
        several = others < min(figure[2] for figure in figures)
        if own_z >= 2 and others / width <= -0.75 and several and abs(excess + others) <= 3 * whole:
            yield found(row["entry"], (own_z * width - others / width * spread) / whole)
