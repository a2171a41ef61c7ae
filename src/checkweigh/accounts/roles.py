"""Roles: what an account or a token is for, and what belongs to it."""

import re
from enum import StrEnum

from ..errors import Refused

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class Role(StrEnum):
    """What somebody does with the ledger. The administration of accounts is no role: it is the command line's alone."""

    VISITOR = "visitor"
    WORKER = "worker"
    SUPERVISOR = "supervisor"
    VERIFIER = "verifier"
    MANAGER = "manager"
    AUDITOR = "auditor"


def checked_name(name: str) -> str:
    """The name of an account or a token. Raises Refused for one that could be mistaken for another, or that is too long."""
    if not _NAME.fullmatch(name):
        raise Refused(
            f"{name!r} cannot be a name: write it with small letters a to z, digits, and . _ @ - between them, at most 64 of them"
        )
    return name


def checked_role(name: str, role: str, site: str | None, worker: str | None) -> Role:
    """The role. Raises Refused for one that is unknown, or does not go with this site and worker."""
    if role not in list(Role):
        raise Refused(f"{role!r} is no role; the roles are {', '.join(Role)}")
    if role == Role.SUPERVISOR and site is None:
        raise Refused(f"{name}: a supervisor enters the shifts of one site; say which with --site ID")
    if role != Role.SUPERVISOR and site is not None:
        raise Refused(f"{name}: a {role} has no site of their own; leave --site out")
    if role == Role.WORKER and worker is None:
        raise Refused(f"{name}: say with --worker ID which worker of the ledger this is")
    if role == Role.VISITOR and worker is not None:
        raise Refused(f"{name}: a visitor is no worker of the ledger; give the role worker, or leave --worker out")
    return Role(role)
