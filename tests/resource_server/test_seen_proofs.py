"""The memory of DPoP proofs: none is taken twice, none is forgotten too early, and nobody fills it for others."""

from __future__ import annotations

import threading

import pytest

from idp.resource_server import ProofInvalid, VerifierUnavailable
from idp.resource_server.seen_proofs import SeenProofs

pytestmark = pytest.mark.spec("RFC 9449", "11.1")


class Hands:
    """A clock that is set by hand."""

    moment = 0.0

    def __call__(self) -> float:
        return self.moment


def test_a_proof_is_taken_once_while_it_could_be_taken_at_all() -> None:
    clock = Hands()
    seen = SeenProofs(330, clock=clock)
    seen.claim("ada", "k", "a")
    for clock.moment in (1.0, 330.0, 331.0, 660.0):
        with pytest.raises(ProofInvalid):
            seen.claim("ada", "k", "a")
    seen.claim("ada", "other", "a")


def test_nobody_fills_the_memory_for_others() -> None:
    """The greedy one waits; whoever comes later, be they many, finds room."""
    clock = Hands()
    seen = SeenProofs(330, room=64, clock=clock)
    for holder, most in (("greedy", 32), ("greedy too", 16)):
        for number in range(most):
            seen.claim(holder, f"key {number} of {holder}", "a")
        with pytest.raises(VerifierUnavailable) as refused:
            seen.claim(holder, "one more", "a")
        assert refused.value.headers()["Retry-After"] == "331"
    for number in range(8):
        seen.claim(f"honest {number}", f"key of {number}", "a")
    clock.moment = 331.0
    seen.claim("greedy", "k", "one more")


def test_what_was_used_is_used_also_by_one_who_must_wait() -> None:
    seen = SeenProofs(330, room=2)
    seen.claim("ada", "k", "a")
    with pytest.raises(ProofInvalid):
        seen.claim("ada", "k", "a")


def test_of_many_at_once_one_is_taken() -> None:
    """Also when the generations change at that moment: nothing remembered a moment ago is lost."""
    clock = Hands()
    seen = SeenProofs(330, clock=clock)
    seen.claim("ada", "k", "before")
    clock.moment = 331.0
    taken: list[int] = []
    start = threading.Barrier(8)

    def use(number: int) -> None:
        start.wait()
        for jti in ("before", "now"):
            try:
                seen.claim("ada", "k", jti)
            except ProofInvalid:
                continue
            taken.append(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1
