"""Who asks: until somebody has signed in, a visitor."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from .roles import VISITOR


class Visitors(AbstractAuthenticationMiddleware):
    """Everybody is a visitor."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """The visitor."""
        return AuthenticationResult(user=VISITOR, auth=None)
