"""The checks that count against the plainest Python, on random ledgers in which everything comes close together."""

import random
from datetime import UTC, datetime, timedelta

import pytest

import reference_audit
from books import derive, entry, known
from checkweigh import tables
from checkweigh.derived.audit import displaced
from checkweigh.entries import time_text
from checkweigh.errors import BadEntry

BEGIN = datetime(2024, 3, 1, tzinfo=UTC)
WORKERS = ("ada", "bo", "cy", "di")
BASE = [
    entry("site", id="mine", name="Mine", industry="coal", timezone="Europe/Berlin"),
    entry("site", id="mill", name="Mill", industry="textiles", timezone="America/St_Johns"),
    entry("job", id="hew", name="Hewing", industry="coal", unit="tonne", better="higher", capacity="2.5"),
    entry("job", id="weave", name="Weaving", industry="textiles", unit="tonne", better="higher"),
    entry("job", id="scrap", name="Scrap", industry="textiles", unit="kg", better="lower", capacity="1"),
    *(entry("worker", id=name, site="mine", from_="2020-01-01") for name in WORKERS),
    entry("crew", id="red", name="Red", headcount="2.5", from_="2020-01-01"),
    entry("quota", id="q1", job="hew", quantity="8", per="worker", from_="2020-01-01", site="mine"),
    entry("quota", id="q2", job="weave", quantity="1.5", hours="1", per="worker", from_="2020-01-01"),
    entry("quota", id="q3", job="scrap", quantity="7", per="worker", from_="2024-03-03"),
    entry("rule", id="r1", gives="Medal", conditions={"measure": "quantity", "at_least": "1", "job": "hew"}, from_="2024-03-01",
          until="2024-03-06"),
]  # fmt: skip


def moment_of(draw):
    return BEGIN + timedelta(minutes=15 * draw.randrange(4 * 24 * 5))


def shift_of(draw, number):
    party = {"worker": draw.choice(WORKERS)} if draw.random() < 0.85 else {"crew": "red"}
    started, hours = moment_of(draw), draw.choice((None, "4", "8", "8", "10.5"))
    job = draw.choice(("hew", "weave", "scrap"))
    others = [name for name in WORKERS if name != party.get("worker")]
    helpers = [
        {"worker": name, "hours": draw.choice(("2", "8"))} for name in draw.sample(others, draw.choice((0, 0, 1, 2)))
    ]
    fields = {
        "id": f"s{number}", "job": job, "site": draw.choice(("mine", "mine", "mill")), "started": time_text(started), "hours": hours,
        "quantity": draw.choice(("0", "7", "7", "12", "16", "20.000000001", "30.5")), "helpers": helpers or None, **party,
        "precision": draw.choice((None,) * 9 + ("month",)),
        "claimed_attainment": draw.choice((None, None, "0.87", "2", "1.5", "0.46", "1.4")),
        "ended": draw.choice((None,) * 5 + (8, 40)),
    }  # fmt: skip
    if fields["ended"]:
        fields["ended"] = time_text(started + timedelta(hours=fields["ended"]))
    try:
        return entry("shift", **fields)
    except BadEntry:
        return entry("shift", **fields | {"ended": None})


def trial(seed):
    """A random ledger of some eighty shifts over five days at two sites, with counts, verdicts and awards.

    Most shifts are recorded within two days of their start, some much later, and some together.
    """
    draw = random.Random(seed)
    made = [item | {"recorded": time_text(BEGIN)} for item in BASE]
    shifts = [shift_of(draw, number) for number in range(80)]
    lags = draw.choices((6, 12, 36, 90, 24 * 20, 24 * 40), (10, 10, 8, 0.5, 0.5, 1), k=80)
    taken = sorted(
        (datetime.fromisoformat(s["started"]) + timedelta(hours=lag), n)
        for n, (s, lag) in enumerate(zip(shifts, lags, strict=True))
    )
    for when, number in taken:
        whole_hours = when.replace(minute=0, hour=when.hour // 3 * 3) + timedelta(hours=3)
        made.append(
            shifts[number]
            | {"recorded": time_text(whole_hours), "by": draw.choice(("login:anna",) * 3 + ("login:ben",))}
        )
    last = {"recorded": time_text(whole_hours)}
    for number in range(12):
        since = BEGIN + timedelta(days=draw.randrange(5), hours=draw.choice((0, 6)))
        until = since + timedelta(hours=draw.choice((8, 24, 48, 24 * 40)))
        made.append(entry(
            "count", id=f"c{number}", site="mine", job=draw.choice(("hew", "weave")), from_=time_text(since), until=time_text(until),
            quantity=draw.choice(("0", "7", "19", "26", "66", "200")), instrument="The scale", tolerance=draw.choice((None, "3", "20")),
        ) | last)  # fmt: skip
    for number in draw.sample(range(80), 8):
        ruling = draw.choice(("annulled", "verified", "adjusted"))
        new = {"quantity": "21", "helpers": []} if ruling == "adjusted" else {}
        made.append(entry("verdict", shift=f"s{number}", ruling=ruling, reason="as found", **new) | last)
    for number in draw.sample(range(80), 6):
        made.insert(
            -10, entry("award", worker="ada", name="Medal", for_=[f"s{number}"]) | {"recorded": "2024-03-06T06:00:00Z"}
        )
    return made


CODES = ("over-capacity", "claimed-attainment", "count-mismatch", "duplicate", "overlap", "backdated")
SEEDS = range(4)


def plainly(code, told, size=None):
    return sorted(getattr(reference_audit, code.replace("-", "_"))(told, size), key=order)


def order(row):
    return row["entry"], row["about"] or ""


@pytest.mark.parametrize("seed", SEEDS)
def test_the_checks_find_what_plain_python_finds(seed):
    told = trial(seed)
    size = len(told) if seed else len(told) - 5
    shown = known(told, size)
    for code in CODES:
        wanted, got = plainly(code, told, size), sorted(derive("findings", shown, check=code), key=order)
        assert list(map(order, got)) == list(map(order, wanted)), code
        scores = [-1 if row["score"] is None else row["score"] for row in got]
        assert scores == pytest.approx([row["score"] for row in wanted]), code


@pytest.mark.parametrize("code", CODES)
def test_the_random_ledgers_hold_something_to_find(code):
    assert sum(len(plainly(code, trial(seed))) > 0 for seed in SEEDS) >= 2


def crowd(seed):
    """A month of six people of different gifts and two newcomers side by side; now and then somebody gets what others lack."""
    draw = random.Random(seed)
    made = [*BASE, *(entry("worker", id=f"w{n}", site="mine", from_="2020-01-01") for n in range(8))]
    for day in range(1, 29):
        there = [n for n in range(8) if draw.random() < (0.85 if n < 6 else 0.12)]
        output = {n: (6 + n) * draw.lognormvariate(0, 0.12) for n in there}
        if len(there) > 4 and draw.random() < 0.25:
            there = draw.sample(there, len(there))
            for n in there[1:4]:
                output[n] -= 2.5
                output[there[0]] += 2.5
        for n in there:
            started = f"2024-02-{day:02d}T{6 + n // 6:02d}:{draw.randrange(60):02d}:00Z"
            woven = {
                "job": "weave",
                "site": "mill",
                "hours": "1",
                "quantity": f"{(2 + n) * draw.lognormvariate(0, 0.2):.3f}1",
            }
            made.append(entry("shift", id=f"{n} {day} w", worker=f"w{n}", started=started.replace("T0", "T1"), **woven))
            made.append(entry(
                "shift", id=f"{n} {day}", worker=f"w{n}", job="hew", site="mine", started=started, hours="8", quantity=f"{output[n]:.3f}1",
                helpers=[{"worker": "ada", "hours": "1"}] if draw.random() < 0.03 else None,
            ))  # fmt: skip
    return made


def test_displaced_is_what_plain_python_finds():
    scores = {}
    for seed in range(2):
        told = crowd(seed)
        got = tables.collect(displaced.find(known(told))).to_pylist()
        found = {row["entry"]: row["score"] for row in got}
        scores |= found
        assert found == pytest.approx({row["entry"]: row["score"] for row in reference_audit.displaced(told)})
    assert len(scores) > 5 and max(scores.values()) > 4 > min(scores.values())
