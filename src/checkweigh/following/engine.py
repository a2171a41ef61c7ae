"""An engine that reads the words of a statement once.

Of a statement about a few shifts, to read its words is a quarter to a half of the work. Most come again and again, at every size and for
every page; what was read is kept by the words: for the engine, and for all its cursors, who ask for much that is asked once.
"""

from typing import Any

import duckdb

MOST = 1024
"""So many statements are kept. Readers choose what they ask, so there is no end to the words."""
FEW, WORN = 10_000, 1.0
"""So many deleted rows, or so many for each that is there, cost nothing that anybody would notice."""
Read = dict[str, list[duckdb.Statement]]


class Engine:
    """A connection. One thread at a time; each cursor is a connection of its own, which another thread may use meanwhile."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, read: Read | None = None) -> None:
        self.connection = connection
        self._read: Read = {} if read is None else read
        self._by_cursors: Read = self._read if read is not None else {}

    def execute(self, sql: str, values: list[Any] | None = None) -> duckdb.DuckDBPyConnection:
        """Computes a statement, or some in a row of which none has a value; what the last one answers."""
        statements = self._read.get(sql)
        if statements is None:
            if len(self._read) >= MOST:
                self._read.clear()
            statements = self._read[sql] = self.connection.extract_statements(sql)
        for statement in statements:
            self.connection.execute(statement, values)
        return self.connection

    def put(self, table: str, those: str, fresh: str) -> None:
        """The rows of the table `fresh` take the place of those of a table; what is among both stays where it is.

        It takes longer than to write `those` anew where they are few. Where they are many and hardly change, the engine, which keeps
        what is deleted, would read over more and more of it.
        """
        names = [column[0] for column in self.execute(f"SELECT * FROM {fresh} LIMIT 0").description]
        same = " AND ".join(f'o."{name}" IS NOT DISTINCT FROM n."{name}"' for name in names)
        self.execute(f"CREATE OR REPLACE TEMP TABLE there AS SELECT rowid AS place, * FROM {table} WHERE {those}")
        left = f"SELECT place FROM there AS o WHERE NOT EXISTS (SELECT 1 FROM {fresh} AS n WHERE {same})"
        self.execute(f"DELETE FROM {table} WHERE rowid IN ({left})")
        self.execute(
            f"INSERT INTO {table} SELECT * FROM {fresh} AS n WHERE NOT EXISTS (SELECT 1 FROM there AS o WHERE {same})"
        )

    def sweep(self) -> None:
        """Writes each table anew that holds more deleted rows than others, with its indexes, in one transaction.

        What is deleted while anybody reads an older state stays in the table, and somebody always does.
        """
        large = "SELECT table_name, estimated_size FROM duckdb_tables() WHERE NOT temporary AND estimated_size > ?"
        self.execute("BEGIN")
        for name, rows in self.execute(large, [FEW]).fetchall():
            there = self.execute(f'SELECT count(*) FROM "{name}"').fetchall()[0][0]
            if rows - there > max(WORN * there, FEW):
                self._write_anew(name)
        self.execute("COMMIT")

    def _write_anew(self, table: str) -> None:
        indexes = self.execute("SELECT sql FROM duckdb_indexes() WHERE table_name = ?", [table]).fetchall()
        self.execute(f'CREATE OR REPLACE TABLE "{table}" AS SELECT * FROM "{table}"')
        for (index,) in indexes:
            self.execute(index)

    def cursor(self) -> "Engine":
        """Another connection, which sees what is committed."""
        return Engine(self.connection.cursor(), self._by_cursors)
