"""Foreign files into a ledger: CSV, Parquet and Excel, with a report of every row that is refused.

    report = read(ledger, "shifts.csv", edge=edge, settings=Settings(mapping={"crew": "team"}, create=True))

One pass, one batch: a file goes in whole, or not at all. Rows that the ledger holds already are skipped and counted,
so a file may be imported again; a row whose id is held with other content is refused unless the settings say for what
reason it is corrected. When any row is refused and `accept_valid` is not set, the rest of the file is still read, so
that all refused rows are told at once, and nothing is written. Memory does not grow with the file but for eight bytes
a row, save that Excel files are read whole.

While one chunk of 131,072 rows is hashed, the next is made ready in a thread of its own: parsing, typing and judging
run outside Python.
"""

from .report import RefusedRow, Report, RowsRefused
from .running import Progress, read, rehearse
from .settings import Settings, settings_from

__all__ = ["Progress", "RefusedRow", "Report", "RowsRefused", "Settings", "read", "rehearse", "settings_from"]
