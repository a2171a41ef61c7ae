"""The kinds of entry: one frozen type each, with the fields of design section 5.

`id_fields` are what an entry is known by; `targets` says which fields name an entry of which kind. A field that is None is absent: not
known, or not stated. Where absence has a meaning of its own, the docstring says so.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from .values import (
    Basis,
    Better,
    By,
    Day,
    Flag,
    Hash,
    Headcount,
    HolderName,
    Hours,
    Id,
    LabourHours,
    LengthName,
    Measure,
    Per,
    PeriodName,
    Precision,
    Published,
    Quantity,
    Ratio,
    Ruling,
    Salt,
    ScopeName,
    Text,
    Texts,
    Time,
    Whole,
)  # fmt: skip


class Helper(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Someone who worked on a shift that another is credited with: who, as what, for how many hours."""

    worker: Id
    hours: Hours
    role: Text | None = None


class Conditions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a rule demands: `at_least` of a measure over a period, or with `record` a standing mark of a class."""

    measure: Measure | None = None
    at_least: Ratio | None = None
    shifts_at_least: Whole | None = None
    period: PeriodName | None = None
    job: Id | None = None
    industry: Id | None = None
    site: Id | None = None
    verified_only: bool | None = None
    record: Literal[True] | None = None
    scope: ScopeName | None = None
    holder: HolderName | None = None
    length: LengthName | None = None


Helpers = Annotated[tuple[Helper, ...], Meta(max_length=500, extra={"column": "helpers"})]


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind"):
    """What every entry carries: when the ledger took it in, who entered it, and what it cites or replaces."""

    id_fields: ClassVar[tuple[str, ...]] = ()
    targets: ClassVar[Mapping[str, str]] = {}

    recorded: Time
    by: By
    cites: Texts | None = None
    note: Text | None = None
    replaces: Whole | None = None
    void: Flag | None = None


class Site(Entry, frozen=True, kw_only=True, tag="site"):
    """A place of work; its time zone (an IANA name) decides to which day its shifts belong."""

    id_fields = ("id",)
    id: Id
    name: Text
    industry: Id
    timezone: Id
    industry_code: Id | None = None
    place: Text | None = None


class Job(Entry, frozen=True, kw_only=True, tag="job"):
    """A kind of work that is counted in one unit; `capacity` is the most that one labour hour can physically yield."""

    id_fields = ("id",)
    id: Id
    name: Text
    industry: Id
    unit: Id
    better: Better
    capacity: Quantity | None = None


class Worker(Entry, frozen=True, kw_only=True, tag="worker"):
    """A person as of `from`; `profile` is the hash of a profile and a salt that both rest outside the log."""

    id_fields = ("id", "from")
    targets = {"site": "site"}
    id: Id
    site: Id
    from_: Day = msgspec.field(name="from")
    profile: Hash | None = None
    name: Text | None = None


class Crew(Entry, frozen=True, kw_only=True, tag="crew"):
    """People credited together as of `from`: how many (`headcount`), or who (`members`)."""

    id_fields = ("id", "from")
    targets = {"members": "worker"}
    id: Id
    name: Text
    from_: Day = msgspec.field(name="from")
    headcount: Headcount | None = None
    members: Texts | None = None


class Quota(Entry, frozen=True, kw_only=True, tag="quota"):
    """What a job demands of a worker or a crew, for one shift or for so many hours, on the days in [from, until)."""

    id_fields = ("id",)
    targets = {"job": "job", "site": "site", "worker": "worker", "crew": "crew"}
    id: Id
    job: Id
    quantity: Quantity
    per: Per
    from_: Day = msgspec.field(name="from")
    hours: Hours | None = None
    until: Day | None = None
    site: Id | None = None
    worker: Id | None = None
    crew: Id | None = None
    basis: Basis | None = None
    consequence: Text | None = None


class Shift(Entry, frozen=True, kw_only=True, tag="shift"):
    """One reported piece of work: who, which job, when, how long, how much, and with whose help."""

    id_fields = ("id",)
    targets = {
        "worker": "worker", "crew": "crew", "job": "job", "site": "site", "quota": "quota",
        "practice": "practice", "helpers": "worker",
    }  # fmt: skip
    id: Id
    job: Id
    site: Id
    started: Time
    quantity: Quantity
    salt: Salt
    worker: Id | None = None
    crew: Id | None = None
    precision: Precision | None = None
    ended: Time | None = None
    hours: Hours | None = None
    headcount: Headcount | None = None
    helpers: Helpers | None = None
    labour_hours: LabourHours | None = None
    quota: Id | None = None
    claimed_attainment: Ratio | None = None
    practice: Id | None = None
    evidence: Text | None = None


class Count(Entry, frozen=True, kw_only=True, tag="count"):
    """An independent measurement of the same output between two moments: the check-weight."""

    id_fields = ("id",)
    targets = {"site": "site", "job": "job"}
    id: Id
    site: Id
    job: Id
    from_: Time = msgspec.field(name="from")
    until: Time
    quantity: Quantity
    instrument: Text
    salt: Salt
    tolerance: Quantity | None = None


class Verdict(Entry, frozen=True, kw_only=True, tag="verdict"):
    """A ruling on a shift, complete in itself: figures that it does not state are as reported."""

    targets = {"shift": "shift", "helpers": "worker"}
    shift: Id
    ruling: Ruling
    reason: Text
    salt: Salt
    quantity: Quantity | None = None
    hours: Hours | None = None
    headcount: Headcount | None = None
    helpers: Helpers | None = None


class Objection(Entry, frozen=True, kw_only=True, tag="objection"):
    """A worker's protest against an entry, named by its index."""

    entry: Whole
    reason: Text
    salt: Salt


class Rule(Entry, frozen=True, kw_only=True, tag="rule"):
    """A published condition: what it gives (a title, an award, a prize) to whoever meets it in [from, until)."""

    id_fields = ("id",)
    id: Id
    gives: Text
    conditions: Conditions
    from_: Day = msgspec.field(name="from")
    until: Day | None = None


class Award(Entry, frozen=True, kw_only=True, tag="award"):
    """An honour that was granted, by name or under a rule, for the shifts that it names."""

    targets = {"worker": "worker", "crew": "crew", "rule": "rule", "for": "shift"}
    salt: Salt
    worker: Id | None = None
    crew: Id | None = None
    name: Text | None = None
    rule: Id | None = None
    on: Day | None = None
    for_: Texts | None = msgspec.field(name="for", default=None)


class Campaign(Entry, frozen=True, kw_only=True, tag="campaign"):
    """A drive to exceed the quota of some jobs or in some industries."""

    id_fields = ("id",)
    targets = {"jobs": "job"}
    id: Id
    name: Text
    goal: Text
    from_: Day = msgspec.field(name="from")
    jobs: Texts | None = None
    industries: Texts | None = None
    until: Day | None = None


class Practice(Entry, frozen=True, kw_only=True, tag="practice"):
    """A way of working that was introduced on a day."""

    id_fields = ("id",)
    targets = {"job": "job"}
    id: Id
    name: Text
    job: Id
    introduced: Day


class Training(Entry, frozen=True, kw_only=True, tag="training"):
    """Who learned what, from whom, when; trainer and day are absent when nobody knows them."""

    targets = {"practice": "practice", "trainer": "worker", "trainee": "worker"}
    trainee: Id
    salt: Salt
    course: Text | None = None
    practice: Id | None = None
    trainer: Id | None = None
    on: Day | None = None


class Incident(Entry, frozen=True, kw_only=True, tag="incident"):
    """Harm done at a site on a day."""

    targets = {"site": "site", "worker": "worker"}
    site: Id
    on: Day
    severity: Text
    days_lost: Whole
    salt: Salt
    worker: Id | None = None


class Source(Entry, frozen=True, kw_only=True, tag="source"):
    """Where a figure was published; recorded before it is cited, however late it came out."""

    id_fields = ("id",)
    id: Id
    title: Text
    publisher: Text
    published: Published
    locator: Text | None = None


class Fact(Entry, frozen=True, kw_only=True, tag="fact"):
    """What a source says about someone or something; two sources may disagree, and both stay."""

    about: Id
    field: Id
    value: Text
    salt: Salt


class Erasure(Entry, frozen=True, kw_only=True, tag="erasure"):
    """A person's name and profile were deleted; every proof stays valid."""

    targets = {"worker": "worker"}
    worker: Id
    reason: Text


class Key(Entry, frozen=True, kw_only=True, tag="key"):
    """The next verifier key of the ledger, signed by the key that it follows."""

    verifier: Text
    signature: Text


_TYPES: tuple[type[Entry], ...] = (
    Site, Job, Worker, Crew, Quota, Shift, Count, Verdict, Objection, Erasure, Rule, Award, Campaign, Practice, Training,
    Incident, Source, Fact, Key,
)  # fmt: skip
KINDS: dict[str, type[Entry]] = {str(kind.__struct_config__.tag): kind for kind in _TYPES}
