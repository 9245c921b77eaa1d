"""What is known of a person, changed and told (OpenID Connect Core 5.1, 5.4; scopes address and phone)."""

from __future__ import annotations

import pytest

from idp.errors import InputRefused, NotFound

from ..provider import Provider, answered

ADDRESS = {"street_address": "12 St James's Square", "locality": "London", "country": "GB"}


@pytest.mark.spec("OpenID Connect Core 1.0", "5.4")
@pytest.mark.parametrize(("scope", "told"), [
    ("address", {"address": ADDRESS}),
    ("phone", {"phone_number": "+44 20 7946 0000", "phone_number_verified": True}),
    ("profile", {"name": "Ada Lovelace", "birthdate": "1815-12-10"}),
])  # fmt: skip
def test_each_scope_tells_its_claims(provider: Provider, scope: str, told: dict[str, object]) -> None:
    ada = provider.sign_in(provider.person("told@example.com"))
    assert ada.user
    claims = {
        "address": ADDRESS, "birthdate": "1815-12-10", "phone_number": "+44 20 7946 0000",
        "phone_number_verified": True,
    }  # fmt: skip
    with provider.stores.work():
        provider.services.profiles.change(ada.user, claims, by="operator")
    token = provider.tokens(provider.register(), ada, scope=f"openid {scope}")["access_token"]
    found = answered(provider.userinfo(token))
    found.pop("updated_at", None)
    found.pop("sub")
    assert found == told


def test_a_new_number_is_not_verified(provider: Provider) -> None:
    user = provider.person("number@example.com", phone_number="+1 604 555 1234", phone_number_verified=True)
    profiles = provider.services.profiles
    same = profiles.change(user, {"nickname": "A"}, by="operator")
    assert same.claims["phone_number_verified"] is True
    other = profiles.change(same, {"phone_number": "+1 604 555 9999"}, by=f"user:{user.id}")
    assert "phone_number_verified" not in other.claims


def test_what_is_emptied_is_forgotten_and_what_is_not_named_stays(provider: Provider) -> None:
    user = provider.person("emptied@example.com", nickname="A", website="https://a.example")
    changed = provider.services.profiles.change(user, {"nickname": "", "address": {}}, by="operator")
    assert changed.claims == {"name": "Ada Lovelace", "website": "https://a.example"}
    assert changed.updated_at > user.updated_at


def test_one_wrong_entry_refuses_all(provider: Provider) -> None:
    user = provider.person("wrong@example.com")
    with provider.nothing_changes(), pytest.raises(InputRefused) as refused:
        provider.services.profiles.change(user, {"nickname": "A", "sub": "x", "birthdate": "soon"}, by="operator")
    assert set(refused.value.problems) == {"sub", "birthdate"}


def test_the_record_says_which_entries_and_not_what(alone: Provider) -> None:
    user = alone.person()
    alone.services.profiles.change(user, {"nickname": "Countess"}, by=f"user:{user.id}")
    events = [row for row in alone.rows()["security_events"] if "profile.changed" in row]
    assert len(events) == 1
    assert "nickname" in repr(events)
    assert "Countess" not in repr(events)


def test_a_deleted_person_has_no_entries(alone: Provider) -> None:
    user = alone.person("gone@example.com")
    alone.services.accounts.delete(user)
    with pytest.raises(NotFound):
        alone.services.profiles.change(user, {"nickname": "A"}, by="operator")
