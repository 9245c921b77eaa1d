"""RFC 7662: an ended session is noticed on the next call, and silence is never an answer."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from idp.resource_server import TokenInvalid, Verifier, VerifierUnavailable
from idp.resource_server.transport import Transport

from .fake_issuer import AUDIENCE, CREDENTIALS, FakeIssuer, eventually


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


# ── requests that are joined ─────────────────────────────────────────────────────────────────────


def together(asking: Verifier, token: str, results: list[object], count: int) -> list[threading.Thread]:
    """So many callers at once; what each was told lands in ``results``."""

    def ask() -> None:
        try:
            results.append(asking.check(token).sid)
        except (TokenInvalid, VerifierUnavailable) as error:
            results.append(type(error))

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_whoever_asks_meanwhile_shares_the_next_answer_and_not_this_one(issuer: FakeIssuer) -> None:
    """The session ends while the first request is under way: nobody who asked after that is let in."""
    patient, token = _patient(issuer), issuer.token()
    results: list[object] = []
    patient.check(token)
    issuer.hold("/introspect")
    first = together(patient, token, results, 1)
    eventually(lambda: issuer.asked["/introspect"] == 2)  # it has been answered "active", and is on its way
    issuer.ended.add("s1")
    later = together(patient, token, results, 10)
    eventually(lambda: sum(thread.is_alive() for thread in later) == 10)
    time.sleep(0.1)
    issuer.let_go("/introspect")
    for thread in [*first, *later]:
        thread.join()
    assert results.count("s1") == 1
    assert results.count(TokenInvalid) == 10
    assert issuer.asked["/introspect"] == 3


def test_tokens_do_not_share_answers(issuer: FakeIssuer) -> None:
    patient = _patient(issuer)
    issuer.ended.add("s2")
    results: list[object] = []
    threads = [thread for sid in ("s1", "s2") for thread in together(patient, issuer.token(sid=sid), results, 5)]
    for thread in threads:
        thread.join()
    assert (results.count("s1"), results.count(TokenInvalid)) == (5, 5)


def test_all_who_joined_hear_of_the_failure_and_the_next_asks_anew(issuer: FakeIssuer) -> None:
    patient, token = _patient(issuer), issuer.token()
    patient.check(token)
    issuer.override["/introspect"] = (500, {}, b"")
    issuer.hold("/introspect")
    results: list[object] = []
    threads = together(patient, token, results, 8)
    time.sleep(0.2)
    issuer.let_go("/introspect")
    for thread in threads:
        thread.join()
    assert results == [VerifierUnavailable] * 8
    del issuer.override["/introspect"]
    assert patient.check(token)


def test_nobody_waits_beyond_the_deadline(issuer: FakeIssuer) -> None:
    brief, token = verifier(issuer), issuer.token()
    brief.check(token)
    issuer.hold("/introspect")
    results: list[object] = []
    began = time.monotonic()
    threads = together(brief, token, results, 6)
    for thread in threads:
        thread.join()
    assert results == [VerifierUnavailable] * 6
    assert time.monotonic() - began < 10
    issuer.let_go("/introspect")
    assert brief.check(token)


def _patient(issuer: FakeIssuer) -> Verifier:
    return Verifier(issuer.url, AUDIENCE, client_id=CREDENTIALS[0], client_secret=CREDENTIALS[1], timeout=30)


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
