"""Ledgers that a person can read, and random ones: lists of entries as they would stand in a log, without a store beneath them.

    book("shift  id  worker  started           hours  quantity",
         "       a   ada     1935-08-31 23:00  6      102")

`compare` holds a derived table against the plainest Python (`reference`), row by row.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from checkweigh import codec, entries, tables
from checkweigh.derived import DERIVED
from checkweigh.errors import BadEntry

SALTED = {kind for kind in entries.KINDS if "salt" in entries.fields(kind)}
COMMON = {"recorded": "2020-01-01T00:00:00Z", "by": "login:anna"}


def entry(kind, **fields):
    """A canonical entry as a dict; `from_` and `for_` stand for the words that Python keeps for itself."""
    given = {name.rstrip("_"): value for name, value in fields.items() if value is not None}
    if kind in SALTED:
        given["salt"] = "A" * 16
    made = codec.decode(codec.encode(entries.build(kind, COMMON | given)))
    return {"kind": kind} | {
        name: plain(entries.value(made, name)) for name in entries.fields(kind) if entries.value(made, name) is not None
    }


def plain(value):
    """Nested values as lists and dicts."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return (
        {f: getattr(value, f) for f in value.__struct_fields__ if getattr(value, f) is not None}
        if hasattr(value, "__struct_fields__")
        else value
    )


def known(book, size=None):
    """The tables of a book as known at a size."""
    made = (
        entries.build(item["kind"], {name: value for name, value in item.items() if name != "kind"}) for item in book
    )
    return tables.from_entries([(index, codec.encode(one)) for index, one in enumerate(made)], size)


def derive(name, book, size=None, **parameters):
    """A derived table of a book as a list of dicts."""
    shown = known(book, size) if isinstance(book, list) else book
    return tables.collect(DERIVED[name].derive(shown, **parameters)).to_pylist()


START = [
    entry("site", id="mine", name="The mine", industry="coal", timezone="Europe/Moscow"),
    entry("job", id="hewing", name="Hewing coal", industry="coal", unit="tonne", better="higher"),
    *(entry("worker", id=name, site="mine", from_="1900-01-01") for name in ("ada", "bo", "cy", "di")),
    entry("crew", id="six", name="The six", headcount="6", from_="1900-01-01"),
    entry("quota", id="norm", job="hewing", quantity="7", per="worker", from_="1900-01-01"),
]
DEFAULTS = {"shift": {"job": "hewing", "site": "mine"}, "verdict": {"reason": "as found"}}
NUMBERS = re.compile(r"[0-9.]+")


def book(*texts, start=START):
    """A book: `start`, and beneath it the rows of small text tables. A table begins with its kind and the names of its fields; a blank

    line ends it; `-` is absent, `none` is an empty list; `name:hours+name:hours` are helpers; times are on the clock of UTC.
    """
    made = list(start)
    for text in texts:
        header: list[str] = []
        for line in text.strip("\n").splitlines():
            cells = re.split(r"\s{2,}", line.strip())
            if not line.strip():
                header = []
            elif not header:
                header = cells
            else:
                kind, names = header[0], header[1:]
                fields = {name: cell_value(name, cell) for name, cell in zip(names, cells, strict=True) if cell != "-"}
                made.append(entry(kind, **DEFAULTS.get(kind, {}) | fields))
    return made


def cell_value(name, cell):
    if name == "helpers":
        return (
            []
            if cell == "none"
            else [dict(zip(("worker", "hours"), one.split(":"), strict=True)) for one in cell.split("+")]
        )
    if name in ("started", "ended"):
        return entries.time_text(datetime.fromisoformat(cell + "+00:00"))
    if name in ("for", "for_"):
        return cell.split("+")
    if name == "replaces":
        return int(cell)
    if name == "void":
        return cell == "true"
    return cell


# ---- comparison


def normal(value):
    """A value in a form in which fractions, decimals, moments and dates are equal when they mean the same."""
    if isinstance(value, Fraction | Decimal):
        return Fraction(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return date.fromisoformat(value)
    return tuple(value) if isinstance(value, list) else value


def rows(table, columns):
    """The rows of a table as a sorted list of tuples."""
    return sorted((tuple(normal(row[name]) for name in columns) for row in table), key=repr)


def compare(name, found, wanted):
    """Asserts that a derived table holds the wanted rows, in any order."""
    columns = list(DERIVED[name].schema.names)
    got, expected = rows(found, columns), rows(wanted, columns)
    missing = [dict(zip(columns, row, strict=True)) for row in expected if row not in got]
    extra = [dict(zip(columns, row, strict=True)) for row in got if row not in expected]
    assert got == expected, f"{name}: wanted but missing {missing[:3]}; found but not wanted {extra[:3]}"


# ---- random books

DAYS = [
    date(2024, 3, 29),
    date(2024, 3, 30),
    date(2024, 3, 31),
    date(2024, 4, 1),
    date(2024, 10, 27),
    date(2024, 12, 31),
    date(2025, 1, 1),
]
SITES, JOBS, WORKERS, CREWS = ("mine", "mill"), ("hew", "weave", "scrap"), ("ada", "bo", "cy"), ("red", "blue")
QUOTA_DAYS = ("2020-01-01", "2024-03-30", "2024-04-01", "2024-12-31")
QUANTITIES = ("0", "1", "2", "3", "7", "7.5", "102", "999999999.999999999", "0.000000001")
HOURS = ("6", "8", "5.75", "0.000001")
BASE = [
    entry("site", id="mine", name="Mine", industry="coal", timezone="Europe/Berlin"),
    entry("site", id="mill", name="Mill", industry="textiles", timezone="America/St_Johns"),
    entry("job", id="hew", name="Hewing", industry="coal", unit="tonne", better="higher"),
    entry("job", id="weave", name="Weaving", industry="textiles", unit="tonne", better="higher"),
    entry("job", id="scrap", name="Scrap", industry="textiles", unit="kg", better="lower"),
    *(entry("worker", id=name, site="mine", from_="2020-01-01", name=name.title()) for name in WORKERS),
    entry("crew", id="red", name="Red", headcount="2.5", from_="2020-01-01"),
    entry("crew", id="red", name="Red crew", headcount="3", from_="2024-04-01"),
    entry("crew", id="blue", name="Blue", members=["ada", "bo"], from_="2020-01-01"),
]
day_texts = st.sampled_from(DAYS).map(date.isoformat)
times = st.builds(
    lambda day, hour: f"{day}T{hour}:00Z",
    day_texts,
    st.sampled_from(("00:30", "02:30", "03:00", "12:00", "22:30", "23:30")),
)
maybe = lambda values: st.one_of(st.none(), values)  # noqa: E731
helper_lists = st.lists(
    st.fixed_dictionaries({"worker": st.sampled_from(("di", "ed")), "hours": st.sampled_from(HOURS)}), max_size=2
)


@st.composite
def parties(draw):
    name = draw(st.sampled_from((*WORKERS, *CREWS)))
    return {"worker" if name in WORKERS else "crew": name}


@st.composite
def quotas(draw, number):
    fields = {
        "id": f"q{number}", "job": draw(st.sampled_from(JOBS)), "quantity": draw(st.sampled_from(QUANTITIES[1:])),
        "hours": draw(maybe(st.sampled_from(HOURS))), "from_": draw(st.sampled_from(QUOTA_DAYS)),
        "until": draw(maybe(st.sampled_from(("2025-01-01", "2025-06-01")))), "site": draw(maybe(st.sampled_from(SITES))),
        "per": draw(st.sampled_from(("worker", "crew"))), **draw(st.one_of(st.just({}), parties())),
    }  # fmt: skip
    if fields["per"] == "crew":
        fields.pop("worker", None)
    return entry("quota", **fields)


@st.composite
def shifts(draw, number, quota_ids, **kept):
    party = draw(parties())
    started = draw(times)
    helpers = draw(maybe(helper_lists))
    fields = {
        "id": f"s{number}", **party, "job": draw(st.sampled_from(JOBS)), "site": draw(st.sampled_from(SITES)), "started": started,
        "quantity": draw(st.sampled_from(QUANTITIES)), "hours": draw(maybe(st.sampled_from(HOURS))), "helpers": helpers,
        "precision": draw(st.sampled_from((None, None, None, "month", "year"))),
        "ended": draw(st.sampled_from((None, None, "2025-01-01T05:00:00Z", "2025-02-10T05:00:00Z"))),
        "quota": draw(st.sampled_from((None, None, None, *quota_ids))), **kept,
    }  # fmt: skip
    if "crew" in party:
        fields["headcount"] = draw(st.sampled_from((None, None, "1.5", "4")))
    if not helpers and draw(st.integers(0, 5)) == 0:
        fields |= {"helpers": None, "labour_hours": draw(st.sampled_from(("5", "40.5")))}
    try:
        return entry("shift", **fields)
    except BadEntry:  # figures that do not go together
        return entry("shift", **fields | {"ended": None, "labour_hours": None})


@st.composite
def verdicts(draw, number):
    ruling = draw(st.sampled_from(("verified", "disputed", "adjusted", "annulled", "withdrawn")))
    fields = {"shift": f"s{number}", "ruling": ruling, "reason": "as found"}
    if ruling == "adjusted":
        fields |= {
            "quantity": draw(st.sampled_from(QUANTITIES)),
            "hours": draw(maybe(st.just("6"))),
            "helpers": draw(maybe(helper_lists)),
        }
    return entry("verdict", **fields)


@st.composite
def rules(draw, number):
    measure = draw(
        st.sampled_from(("quantity", "rate_per_hour", "rate_per_labour_hour", "attainment", "labour_attainment"))
    )
    asked = {
        "measure": measure,
        "holder": draw(maybe(st.sampled_from(("single", "crew")))),
        "job": draw(maybe(st.sampled_from(JOBS))),
    }
    if draw(st.booleans()):
        asked |= {"record": True, "scope": draw(maybe(st.sampled_from(("all", "industry", "site", "worker"))))}
    else:
        asked |= {
            "at_least": "1",
            "period": draw(maybe(st.sampled_from(("shift", "day", "week", "month", "quarter", "year", "all")))),
        }
        asked |= {"shifts_at_least": draw(maybe(st.just(2))), "verified_only": draw(maybe(st.just(True)))}
    conditions = {name: value for name, value in asked.items() if value is not None}
    return entry("rule", id=f"r{number}", gives=f"Honour {number}", conditions=conditions, from_="2024-03-30")


@st.composite
def awards(draw, shift_count, rule_count):
    named = [
        f"s{number}" for number in draw(st.lists(st.integers(0, shift_count - 1), min_size=1, max_size=2, unique=True))
    ]
    fields = {**draw(parties()), "for_": draw(maybe(st.just(named)))}
    by_rule = rule_count and draw(st.booleans())
    return entry(
        "award", **fields, **({"rule": f"r{draw(st.integers(0, rule_count - 1))}"} if by_rule else {"name": "Medal"})
    )


@st.composite
def books(draw, most=24):
    """A random ledger in which everything comes close together: few parties, few moments, few figures, hence ties and overlaps."""
    made = list(BASE)
    quota_count, shift_count, rule_count = draw(st.integers(0, 6)), draw(st.integers(1, most)), draw(st.integers(0, 3))
    made += [draw(quotas(number)) for number in range(quota_count)]
    made += [entry("worker", id=name, site="mill", from_="2020-01-01") for name in ("di", "ed")]
    made += [draw(rules(number)) for number in range(rule_count)]
    shift_at = {}
    for number in range(shift_count):
        shift_at[number] = len(made)
        made.append(draw(shifts(number, [f"q{n}" for n in range(quota_count)])))
    for number in draw(st.lists(st.integers(0, shift_count - 1), max_size=4, unique=True)):
        party = {name: made[shift_at[number]][name] for name in ()}
        changed = draw(
            shifts(
                number,
                [],
                replaces=shift_at[number],
                note="misread",
                void=draw(st.sampled_from((None, None, True))),
                **party,
            )
        )
        made.append(changed)
    for number in draw(st.lists(st.integers(0, shift_count - 1), max_size=6)):
        made.append(draw(verdicts(number)))
    made += [draw(awards(shift_count, rule_count)) for _ in range(draw(st.integers(0, 2)))]
    made += [draw(quotas(quota_count + number)) for number in range(draw(st.integers(0, 1)))]
    return made
