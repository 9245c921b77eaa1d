"""User codes as people type them, and what waits for a decision."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from idp.domain.polled import approval_of, make_user_code, read_user_code, shown_user_code
from idp.storage.system import SystemRandomness

from ..builders import NOW, a_polled_request


@pytest.mark.spec("RFC 8628", "6.1")
@pytest.mark.parametrize(
    "typed", ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "WDJB\u2013MJHT", "W-D-J-B-M-J-H-T", "wdjb_mjht", "WDJB.MJHT"]
)
def test_a_code_is_read_as_people_type_it(typed: str) -> None:
    assert read_user_code(typed) == "WDJBMJHT"


@pytest.mark.parametrize("typed", ["", "WDJB", "WDJB-MJHA", "WDJB-MJHTT", "WDJB-MJH\0", "ＷDJB-MJHT", "W" * 5000])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert read_user_code(typed) is None


@pytest.mark.spec("RFC 8628", "5.1")
def test_codes_use_all_their_letters() -> None:
    chance = SystemRandomness()
    codes = [make_user_code(chance.token()) for _ in range(500)]
    assert len(set(codes)) == 500
    assert len(Counter("".join(codes))) == 20
    assert all(read_user_code(shown_user_code(code)) == code for code in codes)


def test_only_what_nobody_has_decided_waits() -> None:
    request = a_polled_request()
    assert request.waiting(NOW)
    assert not request.waiting(request.expires_at)
    for member in ("approved_at", "denied_at", "used_at"):
        assert not replace(request, **{member: NOW}).waiting(NOW)  # type: ignore[arg-type]


def test_nothing_is_granted_before_it_is_approved() -> None:
    request = a_polled_request()
    assert approval_of(request) is None
    assert approval_of(replace(request, approved_at=NOW + timedelta(seconds=1))) is None
