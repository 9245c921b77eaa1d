"""The map of revocations, against a model that keeps every entry and looks at all of them."""

from __future__ import annotations

import math
import time

from hypothesis import given
from hypothesis import strategies as st

from idp.resource_server.revocations import KEPT_SECONDS, Revocation, RevocationMap, Verdict

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
