"""RFC 7662: an ended session is noticed on the next call, and silence is never an answer."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from idp.resource_server import TokenInvalid, Verifier, VerifierUnavailable
from idp.resource_server.transport import Transport

from .fake_issuer import AUDIENCE, CREDENTIALS, FakeIssuer


def verifier(issuer: FakeIssuer, **options: Any) -> Verifier:
    return Verifier(issuer.url, AUDIENCE, client_id=CREDENTIALS[0], client_secret=CREDENTIALS[1], timeout=1, **options)


def test_the_next_call_after_the_end_is_refused(asking: Verifier, issuer: FakeIssuer) -> None:
    token = issuer.token()
    assert asking.check(token).sid == "s1"
    issuer.ended.add("s1")
    with pytest.raises(TokenInvalid) as caught:
        asking.check(token)
    assert 'error="invalid_token"' in caught.value.challenge()
    assert issuer.asked["/introspect"] == 2


def test_junk_is_not_asked_about(asking: Verifier, issuer: FakeIssuer) -> None:
    with pytest.raises(TokenInvalid):
        asking.check(issuer.token(aud="https://other.example"))
    assert issuer.asked["/introspect"] == 0


def test_credentials_are_encoded(asking: Verifier, issuer: FakeIssuer) -> None:
    assert asking.check(issuer.token())  # the fake decodes by RFC 6749 section 2.3.1


def test_refusal_of_our_own_credentials_is_no_verdict(issuer: FakeIssuer, caplog: pytest.LogCaptureFixture) -> None:
    wrong = Verifier(issuer.url, AUDIENCE, client_id="my api", client_secret="wrong")
    with pytest.raises(VerifierUnavailable):
        wrong.check(issuer.token())
    assert "own credentials" in caplog.text


@pytest.mark.promise("P5")
@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b""), (503, {}, b"{}"), (200, {}, b""), (200, {}, b"true"), (200, {}, b"{}"),
        (200, {}, b'{"active": "true"}'), (200, {}, b'{"active": 1}'), (302, {"Location": "/x"}, b'{"active": true}'),
        (201, {}, b'{"active": true}'), (404, {}, b'{"active": false}'),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_503(asking: Verifier, issuer: FakeIssuer, answer: Any) -> None:
    issuer.override["/introspect"] = answer
    with pytest.raises(VerifierUnavailable):
        asking.check(issuer.token())


@pytest.mark.promise("P5")
def test_silence_is_503_in_time(asking: Verifier, issuer: FakeIssuer) -> None:
    issuer.delay["/introspect"] = 1.5
    began = time.monotonic()
    with pytest.raises(VerifierUnavailable):
        asking.check(issuer.token())
    assert time.monotonic() - began < 1.4


def test_an_issuer_without_introspection_is_503(issuer: FakeIssuer) -> None:
    issuer.metadata["introspection_endpoint"] = None
    with pytest.raises(VerifierUnavailable):
        verifier(issuer).check(issuer.token())


def test_by_default_nothing_is_cached(asking: Verifier, issuer: FakeIssuer) -> None:
    token = issuer.token()
    for _ in range(3):
        asking.check(token)
    assert issuer.asked["/introspect"] == 3


def test_a_cache_lasts_at_most_what_was_asked_for(issuer: FakeIssuer) -> None:
    caching = verifier(issuer, introspection_cache=0.3)
    token = issuer.token()
    caching.check(token)
    caching.check(token)
    assert issuer.asked["/introspect"] == 1
    issuer.ended.add("s1")
    time.sleep(0.31)
    for _ in range(2):
        with pytest.raises(TokenInvalid):
            caching.check(token)
    assert issuer.asked["/introspect"] == 3  # "dead" is asked again: it was never "alive" here


def test_a_kept_connection_that_died_is_replaced() -> None:
    """A listener that closes each connection after one answer, as an idle time-out would."""
    listener = _OneAnswerPerConnection()
    with listener:
        address = f"http://127.0.0.1:{listener.port}"
        transport = Transport(address)
        for _ in range(3):
            assert transport.post_form(address, {"token": "x"}, {}).document == {}


class _OneAnswerPerConnection:
    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        for _ in range(3):
            connection, _address = self.listener.accept()
            with connection:
                request = b""
                while b"\r\n\r\n" not in request or b"token=" not in request:
                    request += connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}")

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.thread.join(5)
        self.listener.close()
