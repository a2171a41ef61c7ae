"""A small OpenID provider for tests: it really listens, asks for PKCE and its client's secret, and signs with a key that it publishes.

What it answers can be spoilt by a test: `claims` are put over those of a good id token, `sign` makes the token from the claims.
"""

import json
from base64 import b64decode, urlsafe_b64encode
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from serving import listening

CLIENT, SECRET = "board", "a secret of board and provider"


class Provider:
    """What the provider knows, and how it answers."""

    def __init__(self, now):
        self.now = now
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.published = [self.key]
        self.subject = "sub-anna"
        self.claims = {}
        self.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "first"}, claims, self.key)
        self.discovery = {}
        self.address = ""
        self.codes = {}
        self.tokens_asked = 0

    def configuration(self):
        """What is published of the provider."""
        ways = {
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
        }
        return {"issuer": self.address, **ways, **self.discovery}

    def authorize(self, asked):
        """Let somebody in, and send them back with a code."""
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT and "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = f"code{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.address})}"

    def token(self, authorization, given):
        """An id token for a code, once, for who asked for it."""
        self.tokens_asked += 1
        scheme, _, credentials = authorization.partition(" ")
        name, _, secret = b64decode(credentials).decode().partition(":")
        challenge = urlsafe_b64encode(sha256(given["code_verifier"].encode()).digest()).decode().rstrip("=")
        asked = self.codes.pop(given["code"], None)
        if (scheme, unquote(name), unquote(secret)) != ("Basic", CLIENT, SECRET) or asked is None:
            return 401, {"error": "invalid_client"}
        if challenge != asked["code_challenge"] or given["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        at = int(self.now.timestamp())
        good = {
            "iss": self.address,
            "sub": self.subject,
            "aud": CLIENT,
            "iat": at,
            "exp": at + 300,
            "nonce": asked["nonce"],
        }
        claims = {name: value for name, value in {**good, **self.claims}.items() if value is not None}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.sign(claims)}


@contextmanager
def providing(now):
    """A provider that listens on a free port."""
    provider = Provider(now)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize({k: v[0] for k, v in parse_qs(parts.query).items()}))
                self.end_headers()
            elif parts.path == "/keys":
                self.tell(200, {"keys": [key.as_dict(private=False) for key in provider.published]})
            else:
                self.tell(200, provider.configuration())

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = {name: values[0] for name, values in parse_qs(body).items()}
            self.tell(*provider.token(self.headers.get("Authorization", ""), given))

        def tell(self, status, answer):
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *given):
            """Nobody reads it."""

    with listening(Handler) as address:
        provider.address = address
        yield provider
