"""Units: what a quantity is counted in, and exact conversion between units of one dimension.

A job has one unit: a unit that Pint knows (tonne, metre, litre) or a counting unit, any other word (pair, loom, piece), which converts
to nothing but itself. Conversion factors are exact decimals; a result that needs more than 9 places after the point is refused rather
than rounded, since a ledger holds what was said and nothing else.
"""

import re
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

PLACES = 9
_SPELLINGS = {"short tons": "short_ton", "short ton": "short_ton", "tonnes": "tonne"}
# A ton is 2,000 lb in one country and 1,000 kg in another: as a job's unit it is a word like any other, and never converted.
_AMBIGUOUS = frozenset({"ton", "tons", "unit", "units"})

# Pint evaluates what it is given; words, products and small powers are all that a unit is made of.
_PART = r"(?:[^\W\d]|°)\w*(?:\s*(?:\*\*|\^)\s*-?[1-9])?"
_SHAPE = re.compile(rf"{_PART}(?:(?:\s*[*/]\s*|\s+){_PART}){{0,5}}")
_LONGEST = 60


@cache
def _registry() -> Any:
    import pint  # a tenth of what a board loads at its start, for those alone who convert

    return pint.UnitRegistry(non_int_type=Decimal, cache_folder=None)


@lru_cache(4096)
def _dimension(unit: str) -> Any | None:
    """The parsed unit, or None for a counting unit: a word that is no unit of measure."""
    if unit in _AMBIGUOUS or len(unit) > _LONGEST or not _SHAPE.fullmatch(unit):
        return None
    try:
        parsed = _registry().parse_units(_SPELLINGS.get(unit, unit))
        multiplies = _registry().Quantity(Decimal(1), parsed)._is_multiplicative
    except Exception:  # Pint says in many ways that a word is no unit
        return None
    return parsed if multiplies and not parsed.dimensionless else None


@lru_cache(4096)
def factor(given: str, wanted: str) -> Fraction | None:
    """By what a quantity in unit `given` is multiplied to be in unit `wanted`; None when the dimensions differ."""
    if given == wanted:
        return Fraction(1)
    source, target = _dimension(given), _dimension(wanted)
    if source is None or target is None or source.dimensionality != target.dimensionality:
        return None
    converted = _registry().Quantity(Decimal(1), source).to(target).magnitude
    back = _registry().Quantity(Decimal(1), target).to(source).magnitude
    # Of the two directions one is a finite decimal more often than not; the shorter one is the definition.
    exact, inverse = Fraction(converted), Fraction(back)
    return exact if len(str(converted)) <= len(str(back)) else 1 / inverse


def convert(quantity: Decimal, given: str, wanted: str) -> Decimal | None:
    """A quantity in another unit of the same dimension, exactly; None when the dimensions differ or 9 places do not suffice."""
    ratio = factor(given, wanted)
    if ratio is None:
        return None
    scaled = Fraction(quantity) * ratio * 10**PLACES
    return None if scaled.denominator != 1 else Decimal(scaled.numerator).scaleb(-PLACES)
