"""The API, under /api/v1: the same figures and the same ledger, for programs.

    questions    what a request may ask, stated once: what is read from it and what the description says come from there
    document     the description: OpenAPI 3.1, made from what the routes state
    answers      formats, names of states (ETag), and answers that flow
    tables       every derived table; findings and cases by names of their own
    explain      from a figure to its entries
    reading      the ledger, its entries, proofs and receipts
    log          the log as any client of a transparency log reads it
    bodies       what a request carries, read strictly
    rights       what somebody may enter, entry by entry
    entering     entries that come in, each request once
    files        foreign files that come in
    events       new entries as they come

What is written wrongly is 400, what does not exist 404, an entry that cannot be recorded 422; the shape is that of `problems`.
"""

from . import entering, events, explain, files, log, pages, reading, tables

ROUTES = [
    *reading.ROUTES, *tables.ROUTES, *explain.ROUTES, *entering.ROUTES, *files.ROUTES, *events.ROUTES, *log.ROUTES, *pages.ROUTES,
]  # fmt: skip
