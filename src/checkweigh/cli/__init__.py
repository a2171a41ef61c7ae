"""The command line: reads, derives and shows, and decides nothing itself.

    app       the commands, their groups and `main`, which turns every failure into one message and an exit code
    edge      what only the outermost part may know: the clock, who is typing, the terminal
    writing   init, add, rotate
    judging   judge
    erasing   erase
    taking    import
    showing   show, log
    keeping   verify, landed, backup, restore
    proving   receipt, verify of a receipt, export-log
    witnessing   witness init, follow, check, serve, show, evidence
    submitting   witnesses, submit
    telling   demo
    memory    what `serve` asks of the C library

Exit codes: 0 done, 1 a fault of Checkweigh itself, 2 Refused (nothing was written), 3 Broken, 4 Unsure, 130 interrupted.
Heavy libraries are imported inside the commands that need them, so that `--help` and `add` start at once.
"""

from .app import main

__all__ = ["main"]
