"""What a person's record may say (OpenID Connect Core 5.1, 5.1.1, 5.2)."""

from __future__ import annotations

from typing import Any

import pytest

from idp.domain.profile import profile_problem

RIGHT: list[tuple[str, Any]] = [
    ("name", "Ada Lovelace"), ("birthdate", "1815-12-10"), ("birthdate", "1815"), ("birthdate", "0000-12-10"),
    ("zoneinfo", "Europe/London"), ("zoneinfo", "America/Argentina/Buenos_Aires"), ("locale", "en-GB"),
    ("phone_number", "+1 (604) 555-1234;ext=5678"), ("phone_number_verified", True),
    ("website", "https://ada.example/~ada"), ("family_name#ja-Kana-JP", "\u30ed\u30d6\u30ec\u30b9"),
    ("address", {"street_address": "12 St James's Square\nLondon", "country": "GB"}), ("nickname", None),
]  # fmt: skip
WRONG: list[tuple[str, Any]] = [
    ("sub", "x"), ("iss", "x"), ("email", "x@example.com"), ("email_verified", True), ("updated_at", 1),
    ("acr", "aal3"), ("name", "a\x00b"), ("name", "a\u202eb"), ("name", "a\nb"), ("name", "x" * 257), ("name", 7),
    ("name", ["x"]),
    ("birthdate", "10.12.1815"), ("zoneinfo", "../etc/passwd"), ("locale", "<b>"), ("phone_number", "604 555"),
    ("phone_number_verified", "yes"), ("website", "javascript:alert(1)"), ("picture", "https://"),
    ("profile", "https://[x"), ("address", "London"), ("address", {"street": "x"}), ("address", {"region": 1}),
    ("gender#en", "x"), ("family_name#not a tag", "x"), ("family_name#", "x"),
]  # fmt: skip


@pytest.mark.spec("OpenID Connect Core 1.0", "5.1")
@pytest.mark.parametrize(("name", "value"), RIGHT)
def test_standard_claims_in_their_forms(name: str, value: Any) -> None:
    assert profile_problem(name, value) is None


@pytest.mark.spec("OpenID Connect Core 1.0", "5.1")
@pytest.mark.parametrize(("name", "value"), WRONG)
def test_nothing_else(name: str, value: Any) -> None:
    """CVE-2024-29892: nothing stored may pass for a protocol claim."""
    problem = profile_problem(name, value)
    assert problem
    assert problem.endswith(".")
