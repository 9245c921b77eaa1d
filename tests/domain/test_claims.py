"""Which claims of a person leave this provider."""

from __future__ import annotations

import pytest

from idp.domain.claims import KNOWN, claims_of, names_of_scope, requested
from idp.domain.scope import CLAIMS_OF_SCOPE

from ..builders import NOW, a_user

RESERVED = ("sub", "iss", "aud", "exp", "iat", "sid", "scope", "client_id", "nonce", "acr", "amr", "jti", "azp")


@pytest.mark.spec("OpenID Connect Core 1.0", "5.4")
@pytest.mark.parametrize("scope", CLAIMS_OF_SCOPE)
def test_a_scope_releases_its_claims_and_no_other(scope: str) -> None:
    everything = dict.fromkeys(KNOWN, "x") | {"address": {"country": "GB"}}
    user = a_user(claims=everything)
    assert set(claims_of(user, names_of_scope(["openid", scope]))) == set(CLAIMS_OF_SCOPE[scope])


def test_openid_alone_releases_nothing() -> None:
    assert names_of_scope(["openid", "offline_access", "photos:read"]) == ()


def test_stored_claims_cannot_pose_as_protocol_claims() -> None:
    """CVE-2024-29892."""
    user = a_user(claims=dict.fromkeys((*RESERVED, "email", "email_verified", "updated_at"), "forged"))
    names = [*RESERVED, *KNOWN]
    found = claims_of(user, names)
    assert "forged" not in found.values()
    assert not set(found) & set(RESERVED)
    assert found["email"] == user.email
    assert found["updated_at"] == int(NOW.timestamp())


@pytest.mark.spec("OpenID Connect Core 1.0", "5.3.2")
def test_a_claim_without_a_value_is_left_out() -> None:
    assert claims_of(a_user(claims={"name": "", "nickname": None}), ("name", "nickname", "website")) == {}


def test_an_unconfirmed_address_says_so() -> None:
    assert claims_of(a_user(email_verified=False), ("email_verified",)) == {"email_verified": False}


@pytest.mark.spec("OpenID Connect Core 1.0", "5.5")
def test_of_what_is_requested_only_known_names_count() -> None:
    asked = {"userinfo": {"name": None, "sub": None, "sid": {"essential": True}, "unknown": None}, "id_token": "x"}
    assert requested(asked, "userinfo") == ("name",)
    assert requested(asked, "id_token") == ()
    assert requested({}, "userinfo") == ()


@pytest.mark.spec("OpenID Connect Core 1.0", "5.2")
@pytest.mark.parametrize(("locales", "told"), [
    ((), {"name": "Ada"}), (("fr-CA", "ja"), {"name": "Ada", "name#fr": "Adele"}),
    (("de", "JA-kana"), {"name": "Ada", "name#ja-Kana": "\u30a8\u30a4\u30c0"}), (("de",), {"name": "Ada"}),
])  # fmt: skip
def test_a_name_in_a_language(locales: tuple[str, ...], told: dict[str, str]) -> None:
    stored = {"name": "Ada", "name#fr": "Adele", "name#ja-Kana": "\u30a8\u30a4\u30c0", "sub#fr": "x", "email#fr": "x"}
    user = a_user(claims=stored)
    assert claims_of(user, ("name",), locales) == told
    assert claims_of(user, ("sub#fr", "email#fr", "name#de"), locales) == {}
