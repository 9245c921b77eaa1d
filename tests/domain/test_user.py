"""One person, one spelling of their address."""

from __future__ import annotations

import pytest

from idp.domain.user import email_key

from ..builders import NOW, a_user


@pytest.mark.parametrize(
    "spelling", ["Ada@Example.com", " ada@example.com", "ada@example.com\n", "\uff21da@example.com", "ADA@EXAMPLE.COM"]
)
def test_case_and_compatibility_forms_make_no_second_account(spelling: str) -> None:
    assert email_key(spelling) == "ada@example.com"


def test_who_may_hold_sessions() -> None:
    assert a_user().live
    assert not a_user(disabled_at=NOW).live
    assert not a_user(deleted_at=NOW).live


def test_what_to_call_a_person() -> None:
    assert a_user().name == "Ada Lovelace"
    for claims in ({}, {"name": ""}, {"name": 7}):
        assert a_user(email="ada@example.com", claims=claims).name == "ada@example.com"
