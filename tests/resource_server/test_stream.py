"""Mode ``stream``: the verdict ladder in every state, and a log that is followed through every enemy."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from idp.resource_server import TokenInvalid, Verifier, VerifierUnavailable

from . import fake_log
from .fake_issuer import AUDIENCE, CREDENTIALS, FakeIssuer, eventually
from .fake_log import honest


def follow(verifier: Verifier) -> None:
    """Started, and with the whole log in memory."""
    verifier.start()
    eventually(lambda: verifier.fresh)


def refused(verifier: Verifier, token: str) -> bool:
    try:
        verifier.check(token)
    except TokenInvalid:
        return True
    return False


def short(issuer: FakeIssuer) -> Verifier:
    """With the bound of the contract."""
    return Verifier(
        issuer.url, AUDIENCE, client_id=CREDENTIALS[0], client_secret=CREDENTIALS[1], mode="stream", timeout=10
    )


@pytest.fixture(params=["events", "polling"])
def speaking(request: pytest.FixtureRequest, issuer: FakeIssuer) -> str:
    issuer.log.speaks = honest if request.param == "events" else None
    return str(request.param)


# ── the ladder ───────────────────────────────────────────────────────────────────────────────────


def test_fresh_decides_in_memory(following: Verifier, issuer: FakeIssuer, speaking: str) -> None:
    token = issuer.token()
    follow(following)
    assert following.check(token).sid == "s1"
    issuer.log.revoke("sid", "s1")
    eventually(lambda: refused(following, token))
    assert issuer.asked["/introspect"] == 0
    assert following.check(issuer.token(sid="s2"))


def test_what_ended_before_is_in_the_snapshot(following: Verifier, issuer: FakeIssuer, speaking: str) -> None:
    issuer.log.page = 3
    for number in range(10):
        issuer.log.revoke("sid", f"s{number}")
    follow(following)
    for number in range(12):
        assert refused(following, issuer.token(sid=f"s{number}")) is (number < 10)
    assert issuer.asked["/introspect"] == 0


def test_before_the_first_snapshot_the_issuer_is_asked(following: Verifier, issuer: FakeIssuer) -> None:
    issuer.hold("/revocations")
    token = issuer.token()
    assert following.check(token)
    issuer.ended.add("s1")
    assert refused(following, token)
    assert issuer.asked["/introspect"] == 2
    issuer.let_go("/revocations")
    eventually(lambda: following.fresh)  # the first request began to follow


def test_stale_asks_about_this_token(issuer: FakeIssuer) -> None:
    issuer.log.speaks = honest
    with short(issuer) as verifier:
        follow(verifier)
        issuer.log.paused = True
        eventually(lambda: not verifier.fresh)
        issuer.ended.add("s1")
        assert refused(verifier, issuer.token())
        assert issuer.asked["/introspect"] == 1
        issuer.log.paused = False
        eventually(lambda: verifier.fresh)


@pytest.mark.promise("P5")
def test_stale_and_nobody_to_ask_is_503(issuer: FakeIssuer) -> None:
    with short(issuer) as verifier:
        follow(verifier)
        token = issuer.token()
        issuer.log.status = 503
        issuer.override["/introspect"] = (503, {}, b"")
        eventually(lambda: not verifier.fresh)
        for _ in range(3):
            with pytest.raises(VerifierUnavailable) as caught:
                verifier.check(token)
            assert caught.value.status == 503


def test_fresh_needs_no_introspection_endpoint(following: Verifier, issuer: FakeIssuer) -> None:
    issuer.override["/introspect"] = (503, {}, b"")
    follow(following)
    assert following.check(issuer.token())


@pytest.mark.parametrize(("kind", "value"), [("sid", "s1"), ("jti", "j1"), ("sub", "ada"), ("client_id", "app")])
def test_each_kind(following: Verifier, issuer: FakeIssuer, kind: str, value: str) -> None:
    issuer.log.revoke(kind, value, at=time.time() + 5)
    follow(following)
    assert refused(following, issuer.token())
    others = {"sid": "s9", "jti": "j9", "sub": "eve", "client_id": "other"}
    assert following.check(issuer.token(**others))
    assert issuer.asked["/introspect"] == 0


@pytest.mark.parametrize("kind", ["sub", "client_id"])
def test_what_was_issued_after_the_revocation_lives(following: Verifier, issuer: FakeIssuer, kind: str) -> None:
    now = int(time.time())
    issuer.log.revoke(kind, {"sub": "ada", "client_id": "app"}[kind], at=now - 350.5)
    follow(following)
    assert refused(following, issuer.token(iat=now - 352))
    assert following.check(issuer.token(iat=now - 40))
    assert issuer.asked["/introspect"] == 0


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.999])
def test_within_the_same_second_the_issuer_is_asked(following: Verifier, issuer: FakeIssuer, fraction: float) -> None:
    now = int(time.time())
    issuer.log.revoke("sub", "ada", at=now - 9 + fraction)
    follow(following)
    token = issuer.token(iat=now - 9)
    assert following.check(token)
    issuer.ended.add("s1")
    assert refused(following, token)
    assert issuer.asked["/introspect"] == 2


def test_scope_and_expiry_are_looked_at_each_time(following: Verifier, issuer: FakeIssuer) -> None:
    follow(following)
    token = issuer.token(exp=int(time.time()) - 4)
    assert following.check(token)  # within the leeway
    eventually(lambda: refused(following, token))


# ── following ────────────────────────────────────────────────────────────────────────────────────


def test_events_are_followed_from_where_the_snapshot_ended(following: Verifier, issuer: FakeIssuer) -> None:
    issuer.log.speaks = honest
    issuer.log.revoke("sid", "s1")
    follow(following)
    eventually(lambda: issuer.asked["/revocations events"] == 1)
    assert issuer.asked["/revocations"] == 1
    assert len(issuer.log.tokens) == 1


@pytest.mark.parametrize("behaviour", [fake_log.leaving, fake_log.breaking])
def test_nothing_is_missed_through_disconnects(
    following: Verifier, issuer: FakeIssuer, behaviour: fake_log.Behaviour
) -> None:
    issuer.log.speaks = behaviour
    follow(following)
    for number in range(10):
        issuer.log.revoke("sid", f"s{number}")
        eventually(lambda number=number: refused(following, issuer.token(sid=f"s{number}")))  # type: ignore[misc]
    assert issuer.asked["/introspect"] == 0
    assert issuer.asked["/revocations events"] > 2


def test_repeated_entries_change_nothing(following: Verifier, issuer: FakeIssuer) -> None:
    issuer.log.speaks = fake_log.repeating
    for number in range(5):
        issuer.log.revoke("sid", f"s{number}")
    follow(following)
    issuer.log.revoke("sid", "s7")
    eventually(lambda: refused(following, issuer.token(sid="s7")))
    assert following.check(issuer.token(sid="s8"))
    assert issuer.asked["/introspect"] == 0


def test_the_next_token_is_there_in_time(following: Verifier, issuer: FakeIssuer) -> None:
    issuer.log.speaks = honest
    issuer.log.token_life = 1.0
    follow(following)
    eventually(lambda: len(issuer.log.tokens) >= 4)
    assert following.fresh
    issuer.log.revoke("sid", "s1")
    eventually(lambda: refused(following, issuer.token()))
    assert issuer.asked["/introspect"] == 0


def test_a_refused_token_is_replaced(following: Verifier, issuer: FakeIssuer, speaking: str) -> None:
    follow(following)
    issuer.log.tokens.clear()
    issuer.log.revoke("sid", "s1")
    eventually(lambda: refused(following, issuer.token()) and issuer.asked["/token"] >= 2)


def test_a_log_that_was_set_back_is_read_anew(following: Verifier, issuer: FakeIssuer, speaking: str) -> None:
    for number in range(5):
        issuer.log.revoke("sid", f"s{number}")
    follow(following)
    issuer.log.entries, issuer.log.head = [], 0
    issuer.log.revoke("sid", "s7")
    eventually(lambda: refused(following, issuer.token(sid="s7")) and following.fresh)
    assert refused(following, issuer.token(sid="s3"))  # ended stays ended, whatever was restored


@pytest.mark.parametrize(
    "enemy",
    [
        fake_log.silent, fake_log.cut_off, fake_log.buffered, fake_log.tardy, fake_log.halfway, fake_log.garbage,
        fake_log.not_json, fake_log.endless, fake_log.backwards, fake_log.unknown_kind,
    ],
)  # fmt: skip
def test_no_enemy_gets_a_token_accepted(issuer: FakeIssuer, enemy: fake_log.Behaviour) -> None:
    """Once the bound has passed after the end of the session, whatever the stream says or does not say."""
    issuer.log.speaks = enemy
    issuer.log.revoke("sid", "s5")
    token = issuer.token()
    with short(issuer) as verifier:
        verifier.check(token)
        eventually(lambda: issuer.asked["/revocations events"] > 0)
        time.sleep(0.4)  # by now the enemy is one
        issuer.log.revoke("sid", "s1")
        issuer.ended.add("s1")
        time.sleep(0.25 + 0.05)  # the bound; what was proved before may have held so long
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            assert refused(verifier, token)
            time.sleep(0.01)


@pytest.mark.parametrize("enemy", [fake_log.silent, fake_log.cut_off, fake_log.buffered, fake_log.tardy])
def test_where_events_prove_nothing_plain_answers_do(issuer: FakeIssuer, enemy: fake_log.Behaviour) -> None:
    issuer.log.speaks = enemy
    with short(issuer) as verifier:
        verifier.start()
        eventually(lambda: issuer.asked["/revocations"] > 3)
        eventually(lambda: verifier.fresh)
        issuer.log.revoke("sid", "s1")
        eventually(lambda: verifier.fresh and refused(verifier, issuer.token()))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_a_refusing_endpoint_means_introspection(following: Verifier, issuer: FakeIssuer, status: int) -> None:
    issuer.log.status = status
    following.start()
    eventually(lambda: issuer.asked["/revocations"] > 1)
    assert following.check(issuer.token())
    assert issuer.asked["/introspect"] == 1
    issuer.log.status = 200
    eventually(lambda: following.fresh)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<html>"), ("application/json", b"<html>"),
        ("application/json", b"[]"), ("application/json", b"{}"),
        ("application/json", b'{"head": "1", "entries": []}'), ("application/json", b'{"head": -1, "entries": []}'),
        ("application/json", b'{"head": true, "entries": []}'), ("application/json", b'{"head": 1e99, "entries": []}'),
        ("application/json", b'{"head": 1, "entries": {}}'), ("application/json", b'{"head": 1, "entries": [1]}'),
        ("application/json", b'{"head": 1, "entries": [], "more": 1}'),
        ("application/json", b'{"head": 1, "entries": [{"seq":1,"kind":"sid","value":"","at":1,"exp":2}]}'),
        ("application/json", b'{"head": 1, "entries": [{"seq":1,"kind":"x","value":"a","at":1,"exp":2}]}'),
        ("application/json", b'{"head": 1, "entries": [{"seq":1,"kind":"sub","value":"a","at":null,"exp":2}]}'),
        ("application/json", b'{"head": 1, "entries": [{"seq":1,"kind":"sub","value":"a","at":NaN,"exp":2}]}'),
        ("application/json", b'{"head": 1, "entries": [{"seq":1,"kind":"sid","value":"a","at":1,"exp":"2"}]}'),
        ("application/json", b"[" * 100_000),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_proves_nothing(
    following: Verifier, issuer: FakeIssuer, content_type: str, body: bytes
) -> None:
    issuer.override["/revocations"] = (200, {"Content-Type": content_type}, body)
    following.start()
    eventually(lambda: issuer.asked["/revocations"] > 1)
    assert not following.fresh
    del issuer.override["/revocations"]
    eventually(lambda: following.fresh)


def test_a_snapshot_that_does_not_end_is_given_up(following: Verifier, issuer: FakeIssuer) -> None:
    body = b'{"head": 1, "entries": [], "more": true}'
    issuer.override["/revocations"] = (200, {"Content-Type": "application/json"}, body)
    following.start()
    eventually(lambda: issuer.asked["/revocations"] > 3)
    assert not following.fresh


def test_a_silent_log_is_not_hammered(following: Verifier, issuer: FakeIssuer) -> None:
    issuer.log.status = 503
    following.start()
    time.sleep(1.5)
    assert issuer.asked["/revocations"] < 10


@pytest.mark.parametrize(
    "address", ["http://evil.example/revocations", "https://127.0.0.1/revocations", "file:///etc/passwd", None, 7]
)
def test_the_log_is_on_the_issuers_host(following: Verifier, issuer: FakeIssuer, address: Any) -> None:
    issuer.metadata["revocations_endpoint"] = address
    following.start()
    eventually(lambda: issuer.asked["/jwks"] > 0)
    time.sleep(0.2)
    assert not following.fresh
    assert following.check(issuer.token())


def test_another_port_of_the_same_host_may_stream(issuer: FakeIssuer) -> None:
    with FakeIssuer() as streams, short(issuer) as verifier:
        streams.log = issuer.log
        issuer.metadata["revocations_endpoint"] = f"{streams.url}/revocations"
        issuer.log.speaks = honest
        follow(verifier)
        assert streams.asked["/revocations"] == 1
        assert issuer.asked["/revocations"] == 0


def test_an_endpoint_that_moved_is_found_again(following: Verifier, issuer: FakeIssuer) -> None:
    issuer.metadata["revocations_endpoint"] = f"{issuer.url}/elsewhere"
    following.start()
    eventually(lambda: issuer.asked["/elsewhere"] > 0)
    assert not following.fresh
    del issuer.metadata["revocations_endpoint"]
    following._source._asked -= 60  # a minute later
    eventually(lambda: following.fresh)


# ── threads and processes ────────────────────────────────────────────────────────────────────────


def followers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "idp-revocations"]


def test_one_thread_follows_however_many_ask(following: Verifier, issuer: FakeIssuer) -> None:
    issuer.hold("/revocations")
    token = issuer.token()
    askers = [threading.Thread(target=following.check, args=(token,)) for _ in range(10)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(followers()) == 1
    issuer.let_go("/revocations")


def test_close_ends_the_thread_and_leaves_introspection(following: Verifier, issuer: FakeIssuer, speaking: str) -> None:
    follow(following)
    following.close()
    assert followers() == []
    assert not following.fresh
    assert following.check(issuer.token())
    assert issuer.asked["/introspect"] == 1
    assert followers() == []


def test_a_forgotten_verifier_follows_no_longer(issuer: FakeIssuer) -> None:
    issuer.log.speaks = honest
    verifier = short(issuer)
    follow(verifier)
    del verifier
    eventually(lambda: followers() == [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_follows_by_itself(following: Verifier, issuer: FakeIssuer, speaking: str) -> None:
    follow(following)
    token = issuer.token()
    following.check(token)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, _in_the_child(following, token))
        os._exit(0)
    os.close(writing)
    eventually(lambda: issuer.asked["/introspect"] == 1)
    issuer.log.revoke("sid", "s1")
    with os.fdopen(reading, "rb") as answers:
        assert answers.read() == b"stale, asked, fresh, refused"
    os.waitpid(child, 0)
    eventually(lambda: refused(following, token) and following.fresh)


def _in_the_child(verifier: Verifier, token: str) -> bytes:
    try:
        assert not verifier.fresh
        verifier.check(token)
        eventually(lambda: verifier.fresh)
        eventually(lambda: refused(verifier, token) and verifier.fresh)
    except (AssertionError, OSError, VerifierUnavailable) as error:
        return repr(error).encode()
    return b"stale, asked, fresh, refused"


def test_many_threads_while_revocations_come(following: Verifier, issuer: FakeIssuer) -> None:
    """Once a thread has been refused a token, nobody gets it accepted again."""
    issuer.log.speaks = honest
    follow(following)
    tokens = [issuer.token(sid=f"s{number}", jti=f"j{number}") for number in range(40)]
    dead: set[int] = set()
    wrong: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            for number, token in enumerate(tokens):
                was_dead = number in dead
                if refused(following, token):
                    dead.add(number)
                elif was_dead:
                    wrong.append(number)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for number in range(0, 40, 2):
        issuer.log.revoke("sid", f"s{number}")
        time.sleep(0.01)
    eventually(lambda: len(dead) == 20)
    done.set()
    for asker in askers:
        asker.join()
    assert wrong == []
    assert dead == set(range(0, 40, 2))
