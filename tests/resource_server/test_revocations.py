"""The map of revocations, against a model that keeps every entry and looks at all of them."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.resource_server.access_token import read_claims
from idp.resource_server.errors import TokenInvalid
from idp.resource_server.revocation_page import PageRefused, read_page
from idp.resource_server.revocation_state import RevocationState
from idp.resource_server.revocations import KEPT_SECONDS, Revocation, RevocationMap, Verdict
from idp.resource_server.signed_tokens import Verified

KINDS = ("jti", "sid", "sub", "client_id")
names = st.builds("{}:{}".format, st.sampled_from(KINDS), st.sampled_from("abc"))
moments = st.floats(min_value=0, max_value=40).map(lambda value: round(value, 2))
entries = st.builds(Revocation, names, moments, st.integers(0, 400))
tokens = st.tuples(st.lists(names, unique=True, max_size=4), st.integers(0, 700))


def model(known: list[Revocation], asked: list[str], iat: int) -> Verdict:
    """The contract: up to `at` dead, the same second and five minutes more unsure, jti and sid whatever iat."""
    about = [entry for entry in known if entry.name in asked]
    whole = [entry for entry in about if entry.name.startswith(("jti:", "sid:"))]
    if whole or any(iat < math.floor(entry.at) for entry in about):
        return Verdict.DEAD
    return Verdict.UNSURE if any(iat <= math.floor(entry.at) + 300 for entry in about) else Verdict.ALIVE


@given(st.lists(entries, max_size=30), st.lists(tokens, max_size=10), st.randoms())
def test_verdicts_are_those_of_the_model(known: list[Revocation], asked: list[tuple[list[str], int]], chance) -> None:  # type: ignore[no-untyped-def]
    revoked = RevocationMap()
    again = [*known, *known[::2]]
    chance.shuffle(again)
    revoked.apply(again)
    for about, iat in asked:
        assert revoked.verdict(about, iat) is model(known, about, iat)
        assert revoked.names.isdisjoint(about) is not any(entry.name in about for entry in known)


@given(st.lists(entries, max_size=30), st.integers(0, 600))
def test_entries_are_forgotten_when_no_token_can_be_alive_and_no_earlier(known: list[Revocation], now: int) -> None:
    revoked = RevocationMap()
    revoked.apply(known)
    revoked.forget(now)
    kept = {entry.name for entry in known if entry.exp + KEPT_SECONDS >= now}
    assert set(revoked.names) == kept
    assert len(revoked) == len(kept)
    everything = {entry.name for entry in known}
    assert revoked.verdict(everything - kept, 0) is Verdict.ALIVE


def test_a_clock_set_back_by_two_minutes_revives_nothing() -> None:
    revoked, now = RevocationMap(), time.time()
    revoked.apply([Revocation("sid:a", now, int(now))])
    revoked.forget(now + 119)
    assert revoked.verdict(["sid:a"], 0) is Verdict.DEAD
    revoked.forget(now + 122)
    assert revoked.verdict(["sid:a"], 0) is Verdict.ALIVE


def _state(now: float) -> tuple[RevocationState, Verified]:
    claims = {"iss": "i", "sub": "ada", "client_id": "c", "jti": "j", "sid": "s", "iat": 100, "exp": 200}
    return RevocationState(tick=lambda: now, clock=lambda: now), Verified(read_claims(claims), ("jti:j", "sid:s"))


def test_silence_is_never_a_yes() -> None:
    state, token = _state(now=50.0)
    assert not state.vouches(token), "nothing has been proved"
    state.prove(49.9)
    assert not state.vouches(token), "what was proved is over"
    state.prove(50.1)
    assert state.vouches(token)


def test_an_ending_that_was_heard_of_is_an_end() -> None:
    state, token = _state(now=50.0)
    state.prove(60.0)
    state.apply([Revocation("sid:s", 49.0, 200)])
    with pytest.raises(TokenInvalid):
        state.vouches(token)


def test_a_kind_that_is_not_known_is_refused_with_its_page() -> None:
    entry = {"seq": 1, "kind": "sid", "value": "s", "at": 1.5, "exp": 2}
    assert read_page({"head": 1, "entries": [entry]}).entries == [Revocation("sid:s", 1.5, 2)]
    with pytest.raises(PageRefused):
        read_page({"head": 1, "entries": [entry | {"kind": "planet"}]})
