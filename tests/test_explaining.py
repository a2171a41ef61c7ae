"""Explaining: every figure in a tree is the table's, every formula adds up, and the leaves are all that the figure needs."""

import json
import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from books import book, books, known
from checkweigh import codec, entries, explaining, merkle, tables
from checkweigh.cli import main
from checkweigh.derived import DERIVED
from checkweigh.explaining import Book, Leaf, Node, choosing, walk
from checkweigh.ledger import Ledger

PATIENT = settings(
    max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.reuse, Phase.generate)
)  # fmt: skip
SEVERAL = 2
PLACES = {"expected": 9, "quantity": 9, "own hours": 9, "labour_hours": 9}


def written(held):
    """The canonical bytes of a book's entries."""
    bare = ({name: value for name, value in item.items() if name != "kind"} for item in held)
    return [codec.encode(entries.build(item["kind"], fields)) for item, fields in zip(held, bare, strict=True)]


def rows(shown, name, **parameters):
    return tables.collect(DERIVED[name].derive(shown, **parameters)).to_pylist()


def some(data, found):
    """A few rows, spread over the table."""
    return data.draw(st.permutations(found))[:SEVERAL]


# ---- what holds of every tree


def check_tree(shown, node, memory):
    """Every figure stands in its table, every equation holds, and the ends are entries."""
    parts = list(walk(node))
    for part in parts:
        if isinstance(part, Node) and part.table:
            wanted = held(shown, part, memory)
            assert part.value == (dict(wanted) if isinstance(part.value, dict) else wanted), part
        if (
            isinstance(part, Node)
            and part.numbers
            and "…" not in part.numbers
            and not re.search(r"\d{4}-\d\d", part.numbers)
        ):
            check_equation(part)
        if isinstance(part, Node):
            assert (
                part.parts or part.value in (None, 0) or part.table == "standings" or isinstance(part.value, Decimal)
            ), part
    found = [part.entry for part in parts if isinstance(part, Leaf)]
    assert all(0 <= index < shown.size for index in found)
    return set(found)


def held(shown, part, memory):
    """What the table says of a figure."""
    key = DERIVED[part.table].key
    found = held_rows(shown, part.table, part.key.get("asked", {}), memory)
    by_key = {tuple(row[column] for column in key): row for row in found}
    return by_key[tuple(part.key[column] for column in key)][part.name]


def held_rows(shown, table, asked, memory):
    """The rows of a table, derived once for all trees that are held against it."""
    name = (table, tuple(sorted(asked.items())))
    if name not in memory:
        memory[name] = rows(shown, table, **asked)
    return memory[name]


def check_equation(part):
    left, right = part.numbers.split(" = ")
    plain = re.sub(r"[\d.]+", lambda found: f"Fraction('{found[0]}')", left)
    exact = eval(plain.replace("×", "*").replace("÷", "/").replace("−", "-"), {"Fraction": Fraction})
    unit = 10 ** PLACES.get(part.name, 6)
    assert Fraction(exact * unit // 1, unit) == Fraction(right) == Fraction(part.value), part


def alone(data, ends):
    """A book of some entries and what they refer to, renumbered."""
    held, wanted, waiting = [json.loads(one) for one in data], set(), set(ends)
    while waiting:
        wanted |= waiting
        named = {(one.kind, one.id) for index in waiting for one in entries.references(codec.decode(data[index]))}
        waiting = {index for index, item in enumerate(held) if (item["kind"], item.get("id")) in named} - wanted
    place = {index: number for number, index in enumerate(sorted(wanted))}
    made = []
    for index in sorted(wanted):
        item = dict(held[index])
        if "replaces" in item:
            item["replaces"] = place[item["replaces"]]
        if item["kind"] == "objection":
            item["entry"] = place[item["entry"]]
        made.append(item)
    return made, place


# ---- random ledgers


@PATIENT
@given(held=books(), data=st.data())
def test_the_figures_of_a_shift(held, data):
    data_of, shown, memory = written(held), known(held), {}
    looked = Book(shown, data_of.__getitem__)
    for row in some(data, held_rows(shown, "attainment", {}, memory)):
        ends = set()
        for name in DERIVED["attainment"].schema:
            node = explaining.explain(looked, DERIVED["attainment"], {}, row, name)
            assert node.value == row[name]
            ends |= check_tree(shown, node, memory)
        less, _ = alone(data_of, ends)
        [again] = [one for one in rows(known(less), "attainment") if one["id"] == row["id"]]
        for name in (*explaining.shifts.FIGURES, "quota", "quota_after_shift", "day", "length"):
            assert again[name] == row[name], (name, sorted(ends))


@PATIENT
@given(held=books(), data=st.data())
def test_the_figures_of_a_record(held, data):
    data_of, shown, memory = written(held), known(held), {}
    looked = Book(shown, data_of.__getitem__)
    for row in some(data, held_rows(shown, "records", {}, memory)):
        ends = set()
        for name in (*explaining.records.FIGURES, "beaten_by", "holder"):
            node = explaining.explain(looked, DERIVED["records"], {}, row, name)
            assert node.value == row[name]
            ends |= check_tree(shown, node, memory)
        less, _ = alone(data_of, ends)
        key = {name: row[name] for name in DERIVED["records"].key}
        [again] = [
            one for one in rows(known(less), "records") if all(one[name] == value for name, value in key.items())
        ]
        for name in ("value", "status", "set_on", "beaten_on", "days_stood", "beaten_by"):
            assert again[name] == row[name], (name, row, sorted(ends))


@PATIENT
@given(held=books(), data=st.data())
def test_the_figures_of_standings(held, data):
    scopes = st.sampled_from(("worker", "crew", "industry", "all"))
    asked = {"period": data.draw(st.sampled_from(("day", "month", "all"))), "scope": data.draw(scopes)}
    asked |= {"labour": data.draw(st.booleans())}
    data_of, shown, memory = written(held), known(held), {}
    for row in some(data, held_rows(shown, "standings", asked, memory)):
        looked = Book(shown, data_of.__getitem__)
        for name in explaining.standings.FIGURES:
            node = explaining.explain(looked, DERIVED["standings"], asked, row, name)
            assert node.value == row[name]
            check_tree(shown, node, memory)
            if name in ("shifts", "left_out", "shifts_without_quota", "verified", "disputed"):
                assert len(node.parts) + node.more == row[name], name


@PATIENT
@given(held=books(most=10), data=st.data())
def test_the_figures_of_honours(held, data):
    data_of, shown, memory = written(held), known(held), {}
    looked = Book(shown, data_of.__getitem__)
    for row in some(data, held_rows(shown, "honours", {}, memory)):
        for name in explaining.honours.FIGURES:
            node = explaining.explain(looked, DERIVED["honours"], {}, row, name)
            assert node.value == row[name]
            check_tree(shown, node, memory)


OF_LEDGERS = (
    test_the_figures_of_a_shift,
    test_the_figures_of_a_record,
    test_the_figures_of_standings,
    test_the_figures_of_honours,
)


@pytest.mark.long
@pytest.mark.parametrize("test", OF_LEDGERS, ids=lambda test: test.__name__)
def test_the_same_of_more_ledgers(test):
    more = settings(PATIENT, max_examples=25)
    more(given(held=books(), data=st.data())(test.hypothesis.inner_test))()


BEATEN = """
shift  id  worker  started           hours  quantity  helpers
       a   ada     2021-01-01 06:00  6      10        none
       b   bo      2021-01-02 06:00  6      9         none
"""


BY_VERDICT = """
verdict  shift  ruling    quantity
         b      adjusted  11
"""
BY_QUOTA = """
quota  id   job     per     quantity  from        worker
       own  hewing  worker  5         2000-01-01  bo
"""
BY_REPLACEMENT = """
shift  id  worker  started           hours  quantity  helpers  replaces  note
       b   bo      2021-01-02 06:00  6      12        none     9         misread
"""


@pytest.mark.parametrize(
    ("measure", "by"),
    [("quantity", BY_VERDICT), ("attainment", BY_QUOTA), ("quantity", BY_REPLACEMENT)],
    ids=["a verdict", "a quota of its own", "a replacement"],
)
def test_the_mark_that_beat_a_record_rests_on_all_that_made_it_one(measure, by):
    held = book(BEATEN, by)
    shown, data = known(held), written(held)
    asked = {"measure": measure, "scope": "all", "holder": "single"}

    def of_ada(tables):
        return next(row for row in rows(tables, "records", **asked) if row["shift"] == "a" and row["job"])

    row = of_ada(shown)
    assert row["beaten_by"] == "b" and row["beaten_on"].isoformat() == "2021-01-02"
    looked = Book(shown, data.__getitem__)
    nodes = [explaining.explain(looked, DERIVED["records"], asked, row, name) for name in ("value", "beaten_on")]
    ends = set().union(*(check_tree(shown, node, {}) for node in nodes))
    again = of_ada(known(alone(data, ends)[0]))
    assert (again["beaten_by"], again["beaten_on"]) == (row["beaten_by"], row["beaten_on"])


# ---- words


RULES = book("""
quota  id    job      per     quantity  hours  from        site  worker
       hour  hewing   worker  2         1      2020-01-01  mine  ada
       own   hewing   worker  5         -      2020-01-01  -     bo
       mine  hewing   worker  3         -      2021-06-01  mine  -
""", """
shift  id  worker  started           hours  quantity  quota
       a   ada     2021-01-01 06:00  6      102       -
       b   bo      2021-01-01 06:00  6      102       -
       c   cy      2021-01-01 06:00  6      102       norm
       d   di      2010-01-01 06:00  6      102       -
       e   di      2022-01-01 06:00  6      102       -
       f   di      2021-01-02 06:00  6      102       -
""", """
quota  id    job      per     quantity  from
       late  hewing   worker  9         2021-01-01
""")  # fmt: skip


@pytest.mark.parametrize(
    ("shift", "says", "numbers"),
    [
        ("a", "latest quota of the job that names the party and the site", "2 × 6 ÷ 1 = 12"),
        ("b", "latest quota of the job that names the party", ""),
        ("c", "the quota that the shift names", ""),
        ("d", "names neither party nor site", ""),
        ("e", "latest quota of the job that names the site", ""),
        ("f", "names neither party nor site, recorded after the shift", ""),
    ],
)
def test_a_tree_says_by_which_rule_a_quota_judges(shift, says, numbers):
    shown, data = known(RULES), written(RULES)
    row = next(row for row in rows(shown, "attainment") if row["id"] == shift)
    node = explaining.explain(Book(shown, data.__getitem__), DERIVED["attainment"], {}, row, "expected")
    leaf = next(part for part in walk(node) if isinstance(part, Leaf) and data[part.entry].find(b'"kind":"quota"') >= 0)
    assert says in leaf.role and ("recorded after" in leaf.role) == (leaf.entry > row["entry"])
    assert node.numbers == numbers


def test_changes_that_came_and_went_are_found_where_they_may_be_and_by_halving():
    figures = {0: "a", 5: "b", 9: "a", 30: "c"}

    def at(size):
        return {"x": figures[max(start for start in figures if start <= size)]}

    found, complete = explaining.changes(0, 40, [4, 8], at)
    assert complete and [(one.entry, one.before["x"], one.after["x"]) for one in found] == [
        (4, "a", "b"),
        (8, "b", "a"),
        (29, "a", "c"),
    ]
    asked = []
    found, complete = explaining.changes(0, 4000, range(0, 4000, 2), lambda size: asked.append(size) or {"x": size})
    assert not complete and len(asked) <= explaining.MOST_SIZES + 12


# ---- the command, on the demonstration


@pytest.fixture(scope="module")
def demo(campaign):
    return campaign


@pytest.fixture
def run(monkeypatch, capsysbinary):
    monkeypatch.setenv("COLUMNS", "160")

    def go(*arguments, code=0):
        with pytest.raises(SystemExit) as exit:
            main(["explain", *(str(argument) for argument in arguments)])
        out, err = (text.decode() for text in capsysbinary.readouterr())
        assert (exit.value.code or 0) == code and "Traceback" not in err, out + err
        return out + err

    return go


def answer(run, *arguments):
    return json.loads(run(*arguments, "--format", "json"))


def ends(figure):
    return [end for part in figure["parts"] for end in (ends(part) if "figure" in part else [part])]


def test_the_102_tons_as_known_at_the_end_of_1936_and_now(run, demo):
    then = answer(run, demo, "attainment", "august", "labour-attainment", "--at", "1936-12-31")
    now = answer(run, demo, "attainment", "august", "labour_attainment")
    assert (then["figures"][0]["value"], now["figures"][0]["value"]) == ("14.571428", "4.857142")
    assert now["figures"][0]["numbers"] == "102 × 5.75 ÷ (7 × 17.25) = 4.857142"
    [change] = then["changed_since"]
    assert (change["kind"], change["recorded"][:4]) == ("verdict", "1988") and change["says"]["ruling"] == "adjusted"
    assert change["before"] == {"labour_attainment": "14.571428"} and change["after"] == {
        "labour_attainment": "4.857142"
    }
    assert now["changed_since"] == [] and then["all_changes_found"]
    assert change["entry"] in [end["entry"] for end in ends(now["figures"][0])]
    with Ledger.open(demo) as ledger:
        for end in ends(now["figures"][0]):
            assert end["hash"] == merkle.leaf_hash(ledger.entry(end["entry"])).hex()
            assert end["says"] == json.loads(ledger.entry(end["entry"]))
    quota = next(end for end in ends(then["figures"][0]) if end["kind"] == "quota")
    assert (quota["id"], quota["cites"], quota["by"]) == ("hewing-1935", ["press"], "account:demonstration")
    said = run(demo, "attainment", "august", "--at", "1936-12-31")
    assert "102 ÷ 7 = 14.571428" in said and "labour attainment: 14.571428 → 4.857142" in said


def test_every_figure_says_how_to_ask_for_it_and_every_table_can_be_explained(run, demo):
    def asked(figure):
        return ([figure] if figure["explain"] else []) + [
            one for part in figure["parts"] if "figure" in part for one in asked(part)
        ]

    with Ledger.open(demo) as ledger:
        shown, memory = tables.at(ledger), {}
        looked = Book(shown, ledger.entry)
        for name, derivation in DERIVED.items():
            for row in held_rows(shown, name, {}, memory)[:1]:
                for figure in explaining.figures_of(derivation, row):
                    check_tree(shown, explaining.explain(looked, derivation, {}, row, figure), memory)
    found = answer(run, demo, "standings", "1935-09", "stakhanov", "change")["figures"][0]
    again = {one["explain"]: one["value"] for one in asked(found)}
    assert len(again) > 6
    for words, value in list(again.items())[:3]:
        arguments = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", words)]
        assert answer(run, demo, *arguments)["figures"][0]["value"] == value


def test_several_rows_are_shown_with_how_to_choose_and_none_with_a_guess(run, demo):
    said = run(
        demo, "records", "--job", "hewing", "--measure", "quantity", "--holder", "single", "--scope", "all", code=2
    )
    assert "dyukanov-115" in said and "--shift izotov-60|izotov-70|dyukanov-115" in said
    record = ("records", "--job", "hewing", "--measure", "quantity", "--holder=single", "--scope", "all", "--standing")
    assert answer(run, demo, *record)["figures"][0]["value"] == "321"
    assert "did you mean august?" in run(demo, "attainment", "agust", code=2)
    assert "no option or column --hodler (did you mean holder?)" in run(demo, "records", "--hodler", "single", code=2)
    assert "there is no table" in run(demo, "atainment", "august", code=2)
    gone = answer(run, demo, "records", *record[1:-1], "august", "value", "--at", "1936-12-31")["changed_since"]
    assert [(change["kind"], change["before"], change["after"]) for change in gone] == [
        ("verdict", {"value": "102"}, None)
    ]


def test_words_find_rows_by_key_and_day(demo):
    with Ledger.open(demo) as ledger:
        shown = tables.at(ledger)
        found = choosing.rows(shown, DERIVED["standings"], {}, ["1935-08", "stakhanov"], {})
        assert [(str(row["from"]), row["party"]) for row in found] == [("1935-08-01", "stakhanov")]
        assert len(choosing.rows(shown, DERIVED["honours"], {}, ["stakhanov"], {"award": "none", "value": "102"})) == 1
        assert (
            choosing.rows(shown, DERIVED["attainment"], {}, ["38"], {"quantity": "102.0", "day": "1935-08"})[0]["id"]
            == "august"
        )
