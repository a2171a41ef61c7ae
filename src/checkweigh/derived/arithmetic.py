"""The one exact division, and the types that exact figures have.

A quotient is estimated in 64-bit floating point, brought to the wanted places, and settled by exact multiplications: exact to the last
digit and far faster than dividing wide decimals. Every quotient is rounded down. A figure that its type cannot hold, such as an
attainment of a trillion, is absent. The engine's part is in `tables.FUNCTIONS`.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import cast

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

QUANTITY = "decimal(18, 9)"
EXPECTED = "decimal(27, 9)"
FIGURE = "decimal(18, 6)"
CHANGE = "decimal(19, 6)"
LABOUR_HOURS = "decimal(24, 9)"


def exact(number: str, kind: str) -> ir.DecimalScalar:
    """A decimal literal of a type."""
    return ibis.literal(Decimal(number), type=kind)


def _function(shape: Callable[..., None], name: str, returns: str) -> Callable[..., ir.DecimalValue]:
    """A function of the engine that takes decimals of any type."""
    shape.__annotations__["return"] = dt.dtype(returns)
    return cast(Callable[..., ir.DecimalValue], ibis.udf.scalar.builtin(shape, name=name))


near = _function(lambda n, d: None, "near_figure", "decimal(20, 6)")
"""n ÷ d, right but for the last place: to be a column of its own before it is `settled`."""
near_expected = _function(lambda asked, hours, people, asked_hours: None, "near_expected", "decimal(29, 9)")
"""asked × hours × people ÷ asked hours, in the same way."""
_settled = {
    FIGURE: _function(lambda near, n, d: None, "settled_figure", FIGURE),
    EXPECTED: _function(lambda near, n, d: None, "settled_expected", EXPECTED),
}
shared = _function(lambda near, above, own, below, labour: None, "shared_figure", FIGURE)
"""above × own ÷ (below × labour), rounded down once; `near` is the quotient above ÷ below × own ÷ labour of `near`."""
share = _function(lambda above, own, labour: None, "share_of", EXPECTED)
"""above × own ÷ labour, rounded down to 9 places."""
asked_for = _function(lambda asked, hours, people: None, "asked_for", "decimal(38, 18)")
"""asked × hours × people, absent from 10^20 on."""
less = _function(lambda this, other: None, "subtract", CHANGE)
"""this - other, of two figures."""
hours_of = _function(lambda hours, people: None, "hours_of", "decimal(21, 9)")
"""hours × people."""


def settled(estimate: ir.Value, above: ir.Value, below: ir.Value, kind: str = FIGURE) -> ir.DecimalValue:
    """above ÷ below rounded down to the places of the type: absent where either is, where `below` is zero or the quotient does not fit."""
    return ibis.ifelse(estimate.isnull(), ibis.null(kind), _settled[kind](estimate, above, below))
