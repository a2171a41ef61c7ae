"""Memory that was freed, kept at hand by a command that runs for long.

Each statement of the engine asks for thousands of small pieces of memory and frees them. The C library of Linux keeps seven of a size at
hand for a thread, and searches and joins the others, which takes ever longer. With many at hand, the statements of a ledger that is
followed take a quarter to a third less time, and no more after hundreds of steps than at the start.
"""

import os
import sys

NAME = "glibc.malloc.tcache_count"
AT_HAND = 8000


def keep_at_hand() -> None:
    """Begins this command again, in the same process, with more at hand: the C library asks only then.

    Nothing happens where it is told already, or where the C library is another one.
    """
    told = os.environ.get("GLIBC_TUNABLES", "")
    if NAME not in told and _is_glibc():
        environment = {**os.environ, "GLIBC_TUNABLES": f"{told}:{NAME}={AT_HAND}".lstrip(":")}
        os.execve(sys.executable, sys.orig_argv, environment)


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):
        return False
