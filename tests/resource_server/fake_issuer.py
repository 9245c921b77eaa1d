"""A small issuer for the SDK's tests: a real HTTP server in a thread, with real keys.

It answers discovery, JWKS, introspection, client credentials and revocations (``fake_log``), counts what
it is asked, and can be told to misbehave.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote_plus, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from .fake_log import FakeLog, Wire

AUDIENCE = "https://api.example.com"
CREDENTIALS = ("my api", "s3cret:+/ü")  # needs the encoding of RFC 6749 section 2.3.1


def eventually(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until it holds; fail if it does not."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to hold in time"
        time.sleep(0.005)


def make_key(alg: str) -> Any:
    if alg == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if alg == "ES256" else ed25519.Ed25519PrivateKey.generate()


class QuietServer(ThreadingHTTPServer):
    """Clients that hang up are part of the tests."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


class FakeIssuer:
    """``with FakeIssuer() as issuer``; ``issuer.url`` is its identifier."""

    def __init__(self) -> None:
        self.credentials = CREDENTIALS
        self.asked: Counter[str] = Counter()
        self.private: dict[str, tuple[str, Any]] = {}
        self.metadata: dict[str, Any] = {}
        self.ended: set[str] = set()
        self.override: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.delay: dict[str, float] = {}
        self.held: dict[str, threading.Event] = {}
        self.extra_keys: list[Any] = []
        self.log = FakeLog()
        self.server = QuietServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.add_key("rsa", "RS256")
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.log.stopped.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    # ── what tests change ────────────────────────────────────────────────────────────────────────

    def add_key(self, kid: str, alg: str) -> None:
        self.private[kid] = (alg, make_key(alg))

    def hold(self, path: str) -> None:
        """Answer nothing there until ``let_go``."""
        self.held[path] = threading.Event()

    def let_go(self, path: str) -> None:
        self.held.pop(path).set()

    def jwks(self) -> dict[str, Any]:
        return {"keys": [*self.extra_keys, *(self._public(kid) for kid in self.private)]}

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": "ada", "client_id": "app", "aud": AUDIENCE, "iat": now, "exp": now + 60,
            "jti": "j1", "sid": "s1", "scope": "notes.read notes.write", "auth_time": now - 5, "acr": "aal1",
        } | changes  # fmt: skip
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, kid: str = "rsa", header: dict[str, Any] | None = None, **changes: Any) -> str:
        alg, key = self.private[kid]
        headers = {"typ": "at+jwt", "kid": kid} | (header or {})
        return jwt.encode(self.claims(**changes), key, algorithm=alg, headers=headers)

    def _public(self, kid: str) -> dict[str, Any]:
        alg, key = self.private[kid]
        jwk = json.loads(jwt.get_algorithm_by_name(alg).to_jwk(key.public_key()))
        jwk.pop("key_ops", None)
        return {**jwk, "kid": kid, "alg": alg, "use": "sig"}

    # ── the wire ─────────────────────────────────────────────────────────────────────────────────

    def discovery(self) -> dict[str, Any]:
        document = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "introspection_endpoint": f"{self.url}/introspect",
            "token_endpoint": f"{self.url}/token",
            "revocations_endpoint": f"{self.url}/revocations",
        }
        return document | self.metadata

    def introspect(self, authorization: str | None, form: dict[str, list[str]]) -> tuple[int, Any]:
        if not self._is_client(authorization):
            return 401, {"error": "invalid_client"}
        claims = jwt.decode(form["token"][0], options={"verify_signature": False})
        return 200, {"active": claims["sid"] not in self.ended}

    def give_token(self, authorization: str | None, form: dict[str, list[str]]) -> tuple[int, Any]:
        if not self._is_client(authorization):
            return 401, {"error": "invalid_client"}
        wanted = {"grant_type": ["client_credentials"], "scope": ["revocations"]}
        return (200, self.log.give_token()) if form == wanted else (400, {"error": "invalid_request"})

    def revocations(self, after: int | None, authorization: str | None) -> tuple[int, Any]:
        if self.log.status != 200:
            return self.log.status, {"error": "as told"}
        if not self.log.knows(authorization):
            return 401, {"error": "invalid_token"}
        if after is not None and after > self.log.head:
            return 410, {"error": "invalid_request"}
        return 200, None

    def _is_client(self, authorization: str | None) -> bool:
        encoded = base64.b64decode((authorization or "").removeprefix("Basic ")).decode()
        return tuple(unquote_plus(part) for part in encoded.split(":", 1)) == self.credentials

    def _handler(fake) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                documents = {"/.well-known/openid-configuration": fake.discovery, "/jwks": fake.jwks}
                if self.path.startswith("/revocations"):
                    self.revocations()
                else:
                    self.answer(*((200, documents[self.path]()) if self.path in documents else (404, None)))

            def revocations(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                after = int(query["after"][0]) if "after" in query else None
                self.path = "/revocations"
                authorization = self.headers["Authorization"]
                status, error = fake.revocations(after, authorization)
                if status != 200 or fake.log.speaks is None or self.headers["Accept"] != "text/event-stream":
                    self.answer(status, error or fake.log.document(after))
                    return
                fake.asked["/revocations events"] += 1
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream; charset=utf-8")
                self.send_header("Connection", "close")
                self.end_headers()
                token = authorization.removeprefix("Bearer ")
                fake.log.speaks(Wire(fake.log, after or 0, self.wfile.write, token))
                self.close_connection = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = fake.give_token if self.path == "/token" else fake.introspect
                self.answer(*asked(self.headers["Authorization"], parse_qs(body)))

            def answer(self, status: int, document: Any) -> None:
                fake.asked[self.path] += 1
                time.sleep(fake.delay.get(self.path, 0))
                if (held := fake.held.get(self.path)) is not None:
                    held.wait(30)
                headers: dict[str, str] = {"Content-Type": "application/json"}
                content = json.dumps(document).encode()
                if self.path in fake.override:
                    status, headers, content = fake.override[self.path]
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
