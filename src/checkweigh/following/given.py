"""The honours, kept up to date: those of the parties whose shifts have changed, and those for records.

What a rule gives for a period depends on the shifts of one party. What it gives for a record depends on the marks of its class: as with
`marks`, those of before and new shifts are all that is needed. `contenders` are shifts among which those marks are, as judged and as
reported; which new shift may be one tells `hopeful` of `marks`. Shifts under a verdict are always looked at, in `reported` as they were
before it. Where a contender itself is judged, replaced or touched by another quota, where a rule is new, or is the first time in
question, honours are derived anew.

`honours` holds the rows of the derivation: those of the rules for records, and all others. Each half is the derivation itself over its own
rules and awards (`Half`).
"""

from dataclasses import replace
from typing import Any, Literal

import ibis.expr.types as ir

from ..derived import honours
from ..tables import Tables, named
from .holding import Growth, Held
from .marks import BEYOND, OWN, SITE
from .prepared import Prepared, prepare
from .shifts import Judged

Half = Literal["parties", "records"]
HALVES: tuple[Half, ...] = ("parties", "records")
_PARTY = "coalesce('w' || worker, 'c' || crew)"
SOME = 4096
"""So many new shifts are contenders until it is found out again which of them can be."""
_LOOKED_UP = 'id IN (SELECT shift FROM verdict UNION ALL SELECT unnest("for") FROM award)'
_OF_AWARDS = """
    SELECT a.worker, a.crew, coalesce(w.key, c.key) AS party_key
    FROM {awards} AS a LEFT JOIN worker AS w ON w.id = a.worker LEFT JOIN crew AS c ON c.id = a.crew
"""
_OF = {
    "records": "rule IN (SELECT id FROM rule_records)",
    "parties": "coalesce(rule, '') NOT IN (SELECT id FROM rule_records)",
}
"""SQL: which of the honours, and of the awards, are those of a half."""
_HALVES = f"""
    CREATE VIEW rule_records AS SELECT * FROM rule WHERE coalesce(conditions.record, false);
    CREATE VIEW rule_parties AS SELECT * FROM rule WHERE NOT coalesce(conditions.record, false);
    CREATE VIEW award_records AS SELECT * FROM award WHERE {_OF["records"]};
    CREATE VIEW award_parties AS SELECT * FROM award WHERE {_OF["parties"]}
"""
_REACH = {"worker": OWN, "site": SITE, "industry": BEYOND, "all": BEYOND}
"""How far the mark of a rule's scope reaches."""


class Given:
    """Keeps `honours` in the engine of some held tables."""

    def __init__(self, held: Held, judged: Judged) -> None:
        self._held, self._judged = held, judged
        self._rules: list[dict[str, Any]] = []
        self._again: dict[Half, Prepared] = {}
        self._reported: Prepared | None = None
        self._levels: object = None
        self._contending: Prepared | None = None
        held.engine.execute(_HALVES)
        self._anew()

    def _now(self) -> list[dict[str, Any]]:
        """The rules as they are, and whether they are in question."""
        return [
            {name: value for name, value in rule.items() if name != "newest"}
            for rule in honours.rules_of(self._held.tables)
        ]

    def _anew(self) -> None:
        """Derives all honours."""
        engine = self._held.engine
        rules = self._now()
        if rules != self._rules:
            self._rules, self._again, self._contending, self._reported = rules, {}, None, None
        tables = replace(self._held.tables, _held={**self._judged.steps, "judged": self._judged.table})
        for half in HALVES:
            self._write(f"honours_{half}", honours.derive(self._half(tables, half)))
        both = " UNION ALL ".join(f"SELECT * FROM honours_{half}" for half in HALVES)
        engine.execute(f"CREATE OR REPLACE TABLE honours AS {both}")
        for half in HALVES:
            engine.execute(f"DROP TABLE honours_{half}")
        self._write("contenders", honours.marks(tables))
        for (name,) in engine.execute(
            "SELECT table_name FROM duckdb_tables() WHERE temporary AND table_name LIKE 'step_%'"
        ).fetchall():
            engine.execute(f"DROP TABLE {name}")
        self._room = 2 * self._count("contenders") + SOME
        self._look_up_all()

    def _half(self, tables: Tables, half: Half) -> Tables:
        """The tables with the rules and awards of one half."""
        backend = tables.shift.get_backend()
        rule, award = (
            named(backend, f"{table.get_name()}_{half}", table.schema()) for table in (tables.rule, tables.award)
        )
        return replace(tables, rule=rule, award=award)

    def _write(self, name: str, table: ir.Table | None) -> None:
        """A table of the engine in the place of that of before."""
        query = "SELECT 0::BIGINT AS entry WHERE false" if table is None else str(table.get_backend().compile(table))
        self._held.engine.execute(f"CREATE OR REPLACE TABLE {name} AS {query}")

    def _count(self, name: str) -> int:
        return int(self._held.engine.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0])

    def follow(self, growth: Growth) -> None:
        """Gives again what shifts in `was` and `is_now`, and new awards, have to do with."""
        gone = self._count("was")
        contested = gone and self._for_records and self._count("was WHERE entry IN (SELECT entry FROM contenders)")
        ruled = growth.kinds & {"rule", "verdict", "site", "job"}
        if contested or (ruled and (growth.kinds & {"site", "job"} or self._now() != self._rules)):
            return self._anew()
        come = self._contend() if self._for_records else 0
        if "award" in growth.kinds:
            self._look_up_all()
        elif gone:
            self._look_up()
        self._report(growth)
        self._concern("award" in growth.kinds)
        if self._count("those"):
            self._give_parties()
        if self._for_records and (come or gone or growth.kinds & {"verdict", "award"}):
            self._give_records()
            if self._count("contenders") > self._room:
                self._sift()
        return None

    def rehearse(self, nothing: Growth) -> None:
        """Writes the statements that a step may need; what is given stays as it is."""
        self._report(nothing)
        self._concern(False)
        self._give_parties()
        if self._for_records:
            self._give_records()

    @property
    def _for_records(self) -> bool:
        """Whether a rule gives honours for records."""
        return any(rule["record"] for rule in self._rules)

    def _contend(self) -> int:
        """Adds the new shifts that may be marks of a rule's class to the contenders; how many there were."""
        classes = " OR ".join(_class(rule) for rule in self._rules if rule["record"])
        new = f"SELECT entry FROM is_now WHERE id IN (SELECT id FROM hopeful WHERE {classes})"
        return int(self._held.engine.execute(f"INSERT INTO contenders {new}").fetchall()[0][0])

    def _give_parties(self) -> None:
        """The honours of `those` take the place of what they had."""
        self._choose("party_key IN (SELECT party_key FROM those)")
        these = f"{_PARTY} IN (SELECT {_PARTY} FROM those)"
        self._give("parties", these)
        engine = self._held.engine
        engine.execute(f"DELETE FROM honours WHERE {_OF['parties']} AND {these}")
        engine.execute("INSERT INTO honours SELECT * FROM again")

    def _give_records(self) -> None:
        """The honours for records, all of them."""
        self._choose("entry IN (SELECT entry FROM contenders)")
        self._give("records", "true")
        self._held.engine.put("honours", _OF["records"], "again")

    def _give(self, half: Half, these: str) -> None:
        """`again`: what rests on the shifts in `honoured`."""
        engine = self._held.engine
        if half not in self._again:
            self._again[half] = prepare(honours.derive, self._half(self._of_chosen(), half), self._steps())
        self._again[half].steps_by(engine)
        engine.execute(f"CREATE OR REPLACE TEMP TABLE again AS SELECT * FROM ({self._again[half].query}) WHERE {these}")

    def _look_up_all(self) -> None:
        """`looked_up` and `weighed`: the shifts under a verdict, and those that awards name, as reported and as judged."""
        engine = self._held.engine
        engine.execute(f"CREATE OR REPLACE TABLE looked_up AS SELECT * FROM shift WHERE {_LOOKED_UP}")
        engine.execute(
            "CREATE OR REPLACE TABLE weighed AS SELECT * FROM judged WHERE entry IN (SELECT entry FROM looked_up)"
        )

    def _look_up(self) -> None:
        """Brings `looked_up` and `weighed` up to date with the shifts in `was` and `is_now`."""
        engine = self._held.engine
        for name in ("looked_up", "weighed"):
            engine.execute(f"DELETE FROM {name} WHERE entry IN (SELECT entry FROM was)")
        these = "entry IN (SELECT entry FROM is_now)"
        engine.execute(f"INSERT INTO looked_up SELECT * FROM shift WHERE {these} AND ({_LOOKED_UP})")
        engine.execute("INSERT INTO weighed SELECT * FROM is_now WHERE entry IN (SELECT entry FROM looked_up)")

    def _report(self, growth: Growth) -> None:
        """`reported`: the shifts under a verdict as reported before it, judged again where one of them was touched."""
        engine = self._held.engine
        if self._reported is not None and self._levels == self._judged.levels:
            if not growth.kinds & {"verdict", "award"} and engine.execute(
                "SELECT count(*) FROM touched WHERE id IN (SELECT id FROM looked_up)"
            ).fetchall() == [(0,)]:
                return
        else:
            shift = named(self._held.tables.shift.get_backend(), "looked_up", self._held.tables.shift.schema())
            self._levels = self._judged.levels
            self._reported = prepare(
                honours.reported, replace(self._held.tables, shift=shift, _held={}), self._judged.steps
            )
        self._reported.steps_by(engine)
        engine.execute(f"CREATE OR REPLACE TABLE reported AS {self._reported.query}")

    def _steps(self) -> dict[str, ir.Table]:
        """What is at hand for the chosen shifts."""
        return {
            **self._judged.steps, "judged": self._judged.named("honoured"), "reported": self._judged.named("reported")
        }  # fmt: skip

    def _concern(self, awards: bool) -> None:
        """`those`: the parties whose honours may be other ones now."""
        changed = "SELECT list(id) FROM (SELECT id FROM was UNION SELECT id FROM is_now)"
        named_shifts = f'SELECT * FROM award_parties WHERE list_has_any("for", ({changed}))'
        parts = [
            "SELECT worker, crew, party_key FROM was",
            "SELECT worker, crew, party_key FROM is_now",
            _OF_AWARDS.format(awards="award_parties" if awards else f"({named_shifts})"),
        ]
        self._held.engine.execute(f"CREATE OR REPLACE TEMP TABLE those AS {' UNION '.join(parts)}")

    def _choose(self, these: str) -> None:
        """`honoured` and `of_chosen`: some shifts as judged and as reported, and those that are always looked at."""
        engine = self._held.engine
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE honoured AS SELECT * FROM judged WHERE {these} "
            "AND entry NOT IN (SELECT entry FROM weighed) UNION ALL SELECT * FROM weighed"
        )
        others = "SELECT entry, id FROM honoured WHERE entry NOT IN (SELECT entry FROM looked_up)"
        engine.execute(f"CREATE OR REPLACE TEMP TABLE of_chosen AS SELECT * FROM looked_up UNION ALL BY NAME {others}")

    def _of_chosen(self) -> Tables:
        backend = self._held.tables.shift.get_backend()
        shift = named(backend, "of_chosen", self._held.tables.shift.schema())
        return replace(self._held.tables, shift=shift, _held={})

    def _sift(self) -> None:
        """Finds out which contenders set a mark, while they are the chosen ones."""
        engine = self._held.engine
        if self._contending is None:
            self._contending = prepare(_marks, self._of_chosen(), self._steps())
        self._contending.steps_by(engine)
        engine.execute(f"CREATE OR REPLACE TABLE contenders AS {self._contending.query}")
        self._room = 2 * self._count("contenders") + SOME


def _class(rule: dict[str, Any]) -> str:
    """SQL: which of `hopeful` may be marks that a rule honours."""
    asked = [f"{name} = '{rule[name]}'" for name in ("measure", "holder", "length") if rule[name] is not None]
    return f"({' AND '.join(asked)} AND reach >= {_REACH[rule['scope']]})"


def _marks(tables: Tables) -> ir.Table:
    """The marks; of no rule none."""
    found = honours.marks(tables)
    return tables.shift.select("entry").filter(False) if found is None else found
