"""``Verifier.watch``: whoever keeps a connection open hears once, soon, and why."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from idp.resource_server import EndReason, TokenInvalid, Verifier, VerifierUnavailable

from .fake_issuer import AUDIENCE, CREDENTIALS, FakeIssuer, eventually
from .fake_log import honest


@pytest.fixture
def live(issuer: FakeIssuer, following: Verifier) -> Verifier:
    issuer.log.speaks = honest
    following.start()
    eventually(lambda: following.fresh)
    return following


def test_an_ending_is_told_once(live: Verifier, issuer: FakeIssuer) -> None:
    told: list[EndReason] = []
    live.watch(issuer.token(), told.append)
    others: list[EndReason] = []
    live.watch(issuer.token(sid="s2"), others.append)
    time.sleep(0.3)
    assert told == []
    issuer.log.revoke("sid", "s1")
    eventually(lambda: told == ["ended"])
    issuer.log.revoke("sub", "ada", at=time.time() + 5)
    eventually(lambda: others == ["ended"])
    assert told == ["ended"]
    assert issuer.asked["/introspect"] == 0


def test_all_connections_of_a_session_hear(live: Verifier, issuer: FakeIssuer) -> None:
    told: list[int] = []
    for number in range(50):
        live.watch(issuer.token(jti=f"j{number}"), lambda _, number=number: told.append(number))  # type: ignore[misc]
    issuer.log.revoke("sid", "s1")
    eventually(lambda: len(told) == 50)
    assert sorted(told) == list(range(50))


def test_what_ended_before_the_watch_is_told_too(live: Verifier, issuer: FakeIssuer) -> None:
    token = issuer.token()
    issuer.log.revoke("sid", "s1")
    eventually(lambda: _dead(live, token))
    told: list[EndReason] = []
    live.watch(token, told.append)
    eventually(lambda: told == ["ended"])


def test_expiry_is_told(live: Verifier, local: Verifier, issuer: FakeIssuer) -> None:
    for verifier in (live, local):
        told: list[EndReason] = []
        token = issuer.token(exp=int(time.time()) - 1)  # four seconds of leeway are left
        verifier.check(token)
        verifier.watch(token, told.append)
        eventually(lambda told=told: told == ["expired"])  # type: ignore[misc]
    local.close()


def test_without_keys_nothing_can_be_watched(local: Verifier, issuer: FakeIssuer) -> None:
    with pytest.raises(VerifierUnavailable):
        local.watch(issuer.token(), print)
    assert not issuer.asked


def test_a_dead_token_cannot_be_watched(live: Verifier, issuer: FakeIssuer) -> None:
    with pytest.raises(TokenInvalid):
        live.watch(issuer.token(exp=1), print)
    live.close()
    with pytest.raises(VerifierUnavailable):
        live.watch(issuer.token(), print)


def test_cancelled_is_silent(live: Verifier, issuer: FakeIssuer) -> None:
    told: list[EndReason] = []
    watch = live.watch(issuer.token(), told.append)
    with live.watch(issuer.token(), told.append):
        pass
    watch.cancel()
    watch.cancel()
    heard = threading.Event()
    live.watch(issuer.token(), lambda _: heard.set())
    issuer.log.revoke("sid", "s1")
    assert heard.wait(20)
    assert told == []
    assert not live._watches._open
    assert not live._watches._by_name


def test_a_callback_may_fail_or_be_slow(live: Verifier, issuer: FakeIssuer, caplog: pytest.LogCaptureFixture) -> None:
    def failing(_: EndReason) -> None:
        raise LookupError("no such connection")

    let_go, told = threading.Event(), list[EndReason]()
    live.watch(issuer.token(sid="s1"), failing)
    issuer.log.revoke("sid", "s1")
    eventually(lambda: "no such connection" in caplog.text)
    live.watch(issuer.token(sid="s2"), lambda _: let_go.wait(20) and None)
    live.watch(issuer.token(sid="s3"), told.append)
    issuer.log.revoke("sid", "s2")
    issuer.log.revoke("sid", "s3")
    eventually(lambda: not live._watches._open)  # found, while the slow one is still called
    let_go.set()
    eventually(lambda: told == ["ended"])


def test_without_fresh_revocations_the_issuer_is_asked(issuer: FakeIssuer) -> None:
    issuer.log.status = 503
    with _verifier(issuer) as verifier:
        told: list[str] = []
        verifier.check(issuer.token())
        for sid in ("s1", "s2"):
            verifier.watch(issuer.token(sid=sid), lambda reason, sid=sid: told.append(f"{sid} {reason}"))  # type: ignore[misc]
        eventually(lambda: issuer.asked["/introspect"] >= 3)
        issuer.ended.add("s1")
        eventually(lambda: told == ["s1 ended"])


def test_when_nobody_can_say_for_long_it_is_over(issuer: FakeIssuer) -> None:
    issuer.log.status = 503
    with _verifier(issuer) as verifier:
        told: list[EndReason] = []
        token = issuer.token()
        verifier.check(token)
        issuer.override["/introspect"] = (503, {}, b"")
        began = time.monotonic()
        verifier.watch(token, told.append, patience=2.0)
        eventually(lambda: told == ["unverifiable"])
        assert time.monotonic() - began >= 2.0


def test_mode_local_asks_nobody(issuer: FakeIssuer) -> None:
    with _verifier(issuer) as verifier:
        told: list[EndReason] = []
        issuer.ended.add("s1")
        verifier.check(issuer.token(), mode="local")
        verifier.watch(issuer.token(), told.append, mode="local", patience=0.5)
        time.sleep(1.5)
        assert told == []
        assert issuer.asked["/introspect"] == issuer.asked["/revocations"] == 0


def test_the_threads_end_with_the_verifier(live: Verifier, issuer: FakeIssuer) -> None:
    live.watch(issuer.token(), print)
    assert _watching()
    live.close()
    eventually(lambda: not _watching())


def _verifier(issuer: FakeIssuer, **options: Any) -> Verifier:
    client_id, secret = CREDENTIALS
    return Verifier(
        issuer.url, AUDIENCE, client_id=client_id, client_secret=secret, mode="stream", timeout=5, **options
    )


def _watching() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("idp-watch")]


def _dead(verifier: Verifier, token: str) -> bool:
    try:
        verifier.check(token)
    except TokenInvalid:
        return True
    return False
