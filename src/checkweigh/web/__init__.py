"""The board: the same book as a web site, for people who look rather than type.

    app        the application, put together from its routes
    live       the ledger as pages see it: the newest state, older states, appends
    roles      who may do what
    page       what every page gets, and how it is rendered
    problems   refusals and faults as answers (RFC 9457)
    settings   what whoever runs the board decides
    operating  whether it lives, whether it can be used, its figures; observing, measures: what is seen of each request
    running    the server around it, until it is told to stop
    static     style sheet, scripts and fonts, all from this host

The board decides nothing and derives nothing: a page asks `Known.rows` for rows of a derived table, as the command line and the API do.
Like every other part it is given the clock.
"""

from .app import application

__all__ = ["application"]
