"""Files to import, and what came of them: for all tests of imports."""

import json

import pytest

from checkweigh.importing import RowsRefused

HEADER = "id,worker,job,site,started,hours,quantity\n"


def entries(ledger, kind=None):
    found = [json.loads(entry) for _, entry in ledger.entries()]
    return [entry for entry in found if kind is None or entry["kind"] == kind]


def shifts(ledger):
    return entries(ledger, "shift")


def refusals(take, text, **settings):
    with pytest.raises(RowsRefused) as refused:
        take(text, **settings)
    return [(row.line, row.field, row.value) for row in refused.value.report.refusals()]
