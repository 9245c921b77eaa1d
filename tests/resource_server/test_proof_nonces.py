"""Nonces for DPoP proofs: who can make one, and for how long it is good (RFC 9449 section 8)."""

from __future__ import annotations

import pytest

from idp.resource_server.proof_nonces import SECONDS, ProofNonces

SECRET = bytes(range(32))


@pytest.mark.spec("RFC 9449", "8")
def test_a_nonce_is_good_for_a_while() -> None:
    now = [1_000_000.0 * SECONDS]
    nonces = ProofNonces(SECRET, clock=lambda: now[0])
    given = nonces.current()
    for later, good in ((0, True), (SECONDS - 1, True), (2 * SECONDS - 1, True), (2 * SECONDS, False), (-1, False)):
        now[0] = 1_000_000.0 * SECONDS + later
        assert nonces.good(given) is good, later


@pytest.mark.spec("RFC 9449", "8")
def test_nobody_makes_one_without_the_secret() -> None:
    clock = lambda: 1_000_000.0  # noqa: E731
    nonces, other = ProofNonces(SECRET, clock=clock), ProofNonces(SECRET[::-1], clock=clock)
    assert nonces.good(ProofNonces(SECRET, clock=clock).current())
    for wrong in (other.current(), "", nonces.current()[:-1], nonces.current() + "A", None, 1, "ü" * 43):
        assert not nonces.good(wrong)


@pytest.mark.parametrize("secret", [b"", b"short", bytes(31)])
def test_a_short_secret_is_refused(secret: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ProofNonces(secret)
