"""Accounts: who may sign in, and as what. They are outside the log, in `LEDGER.private` beside it (see `private`).

An account has a name, a role, for a supervisor the site whose shifts they enter, for a worker the worker of the ledger that they are, and
a password or the subject under which an OpenID provider knows them. A token is an account for a program. What either enters says so in the
entry's `by`, as `account:NAME` or `token:NAME`, for good; therefore a name that was removed is never given away again.

Nothing that lets anybody in can be read from the file: passwords rest as Argon2id hashes, tokens and sessions as SHA-256 of 32 random
bytes. A session ends by itself, some time after it began or was last used, and at once when its account gets another password, role, site
or worker, is disabled, or is removed. Clock and chance are passed in.
"""

from .book import Account as Account
from .book import Accounts as Accounts
from .book import SignedIn as SignedIn
from .book import has_accounts as has_accounts
from .passwords import check_password as check_password
from .roles import Role as Role
from .sessions import Lasting as Lasting
from .sessions import Session as Session
from .signings import Outcome as Outcome
from .signings import Signing as Signing
from .tokens import Token as Token
