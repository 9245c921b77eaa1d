"""Is this session still valid? And how strong is it?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from idp.domain.session import Factor, Session

from ..builders import DAY, NOW, a_device, a_session, a_user


def session(**members: object) -> Session:
    return a_session(a_device(a_user()), **members)


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    ("members", "live"),
    [
        ({}, True),
        ({"ended_at": NOW}, False),
        ({"ended_at": NOW + DAY}, False),
        ({"expires_at": NOW}, False),
        ({"expires_at": NOW + timedelta(microseconds=1)}, True),
        ({"last_seen_at": NOW - timedelta(seconds=60), "idle_seconds": 60}, False),
        ({"last_seen_at": NOW - timedelta(seconds=59), "idle_seconds": 60}, True),
    ],
)
def test_live(members: dict[str, object], live: bool) -> None:
    assert session(**members).live(NOW) is live


def test_the_latest_proof_gives_auth_time_and_the_kinds_give_amr_and_acr() -> None:
    password = Factor(method="pwd", at=NOW)
    assert (session().amr, session().acr) == (("pwd",), "aal1")
    again = session(factors=(password, Factor(method="pwd", at=NOW + DAY)))
    assert (again.auth_time, again.amr, again.acr) == (NOW + DAY, ("pwd",), "aal1")
    both = session(factors=(Factor(method="otp", at=NOW + DAY), password))
    assert (both.auth_time, both.amr, both.acr) == (NOW + DAY, ("otp", "pwd"), "aal2")
