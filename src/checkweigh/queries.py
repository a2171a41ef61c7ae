"""The SQL of an expression, written once for all states of a ledger that it is asked of.

To write a derivation as SQL takes about half of its time on a small ledger, and a board asks each new state the same. So what was written
is remembered by what the expression says: its nodes, leaves first, each as its class and its arguments. A node among the arguments is its
place in that list, an engine is its dialect; steps of a derivation, whose names are numbered on, and references, which Ibis numbers on,
count by the order in which they are met. Neither engines nor rows are kept alive by it.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend
from ibis.backends.sql.datatypes import DuckDBType
from ibis.common.graph import Graph, Node

STEP = "step_"
"""How the name of a table begins that holds a step of a derivation; a number follows."""
MOST = 1024
"""So many queries are remembered; those not asked for longest are forgotten."""
_NUMBERED = re.compile(rf"{STEP}\d+")
_QUOTED = re.compile(rf'"({_NUMBERED.pattern})"')
_WRITTEN: OrderedDict[Any, str] = OrderedDict()
_LOCK = Lock()


def sql(table: ir.Table) -> str:
    """What an engine of the table's dialect is asked for its rows."""
    backend, saying = table.get_backend(), _Saying()
    key = saying.of(table.op())
    if not saying.plain:
        return str(backend.compile(table))
    with _LOCK:
        written = _WRITTEN.get(key)
        if written is not None:
            _WRITTEN.move_to_end(key)
    if written is None:
        written = _QUOTED.sub(lambda found: f'"{saying.steps[found[1]]}"', str(backend.compile(table)))
        with _LOCK:
            _WRITTEN[key] = written
            while len(_WRITTEN) > MOST:
                _WRITTEN.popitem(last=False)
    names = {place: name for name, place in saying.steps.items()}
    return _QUOTED.sub(lambda found: f'"{names[found[1]]}"', written)


@cache
def declared(schema: pa.Schema) -> str:
    """SQL: the columns of a table, of the types that an engine gives them when it is handed one."""
    shape = ibis.Schema.from_pyarrow(schema)
    return ", ".join(f'"{name}" {DuckDBType.to_string(kind)}' for name, kind in shape.items())


class _Saying:
    """What one expression says, in a form that can be looked up.

    `steps` is the name that stands for each of its steps. It is `plain` where this tells all: without rows of its own, or a text like
    the name of a step.
    """

    def __init__(self) -> None:
        self.steps: dict[str, str] = {}
        self.plain = True
        self._places: dict[Node, int] = {}
        self._references: dict[Any, int] = {}

    def of(self, root: Node) -> tuple[Any, ...]:
        said = []
        leaves_first, _ = Graph.from_bfs(root).toposort()
        for node in leaves_first:
            said.append((type(node), self._arguments(node)))
            self._places[node] = len(self._places)
        return tuple(said)

    def _arguments(self, node: Node) -> tuple[Any, ...]:
        """What a node says beside what it is."""
        if isinstance(node, ops.DatabaseTable) and _NUMBERED.fullmatch(node.name):
            step = self.steps.setdefault(node.name, f"{STEP}{len(self.steps)}")
            return step, node.source.name, self._told(node.schema)
        if isinstance(node, ops.Reference):
            number = self._references.setdefault((type(node), node.identifier), len(self._references))
            return self._places[node.parent], number
        if isinstance(node, ops.Literal):  # 1 and True, or -0.0 and 0.0, are equal and not the same
            said = repr(node.value)
            self.plain &= STEP not in said
            return said, node.dtype
        self.plain &= not isinstance(node, ops.InMemoryTable)
        return tuple(map(self._told, node.__args__))

    def _told(self, value: Any) -> Any:
        if isinstance(value, Node):
            return Node, self._places[value]
        if isinstance(value, tuple):
            return tuple(map(self._told, value))
        if isinstance(value, Mapping):
            return tuple((name, self._told(one)) for name, one in value.items())
        return value.name if isinstance(value, BaseBackend) else value
