"""The one exact division, and the types that exact figures have.

A quotient is estimated in 64-bit floating point, in units of its last place, and settled by exact multiplications where it lies next to a
whole number of them: exact to the last digit and far faster than dividing wide decimals. Every quotient is rounded down. A figure that
its type cannot hold, such as an attainment of a trillion, is absent. The engine's part is in `tables.FUNCTIONS`.
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


def function(shape: Callable[..., None], name: str, returns: str) -> Callable[..., ir.DecimalValue]:
    """A function of the engine that takes decimals of any type."""
    shape.__annotations__["return"] = dt.dtype(returns)
    return cast(Callable[..., ir.DecimalValue], ibis.udf.scalar.builtin(shape, name=name))


def aggregate(shape: Callable[..., None], name: str, returns: str) -> Callable[..., ir.NumericValue]:
    """An aggregate of the engine."""
    shape.__annotations__["return"] = dt.dtype(returns)
    return cast(Callable[..., ir.NumericValue], ibis.udf.agg.builtin(shape, name=name))


near = function(lambda n, d: None, "near_figure", "float64")
"""n ÷ d in millionths, roughly: to be a column of its own before it is `settled`. Absent where d is zero."""
_settled = function(lambda near, n, d: None, "settled_figure", FIGURE)
shared = function(lambda near, above, own, below, labour: None, "shared_figure", FIGURE)
"""above × own ÷ (below × labour), rounded down once; `near` is that in millionths, roughly."""
share = function(lambda above, own, labour: None, "share_of", EXPECTED)
"""above × own ÷ labour, rounded down to 9 places."""
asked_of = function(lambda asked, hours, people, asked_hours: None, "asked_of", EXPECTED)
"""asked × hours × people ÷ asked hours, rounded down to 9 places; absent where the product is 10^20 or more."""
less = function(lambda this, other: None, "subtract", CHANGE)
"""this - other, of two figures."""
hours_of = function(lambda hours, people: None, "hours_of", "decimal(21, 9)")
"""hours × people."""


def settled(estimate: ir.Value, above: ir.Value, below: ir.Value) -> ir.DecimalValue:
    """above ÷ below rounded down to 6 places: absent where either is, where `below` is zero or the quotient does not fit."""
    return ibis.ifelse(estimate.isnull(), ibis.null(FIGURE), _settled(estimate, above, below))
