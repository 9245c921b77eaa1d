"""Who vouches that clients belong together (OpenID Connect Registration 5, Core 8.1)."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.fetch_slots import Purpose
from idp.outgoing import FetchRefused, Outgoing

from ..provider import Provider, refused

ONE, TWO = "https://one.example/callback", "https://two.example/callback"
SECTOR = "https://sector.example/redirect_uris.json"


def register(provider: Provider, **members: Any) -> TestResponse:
    body = {"redirect_uris": [ONE, TWO], "subject_type": "pairwise", "sector_identifier_uri": SECTOR} | members
    return provider.http.post("/register", base_url=provider.base, json=body)


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the sector's host answers with; empty for no answer."""
    answers: list[Any] = []

    def fetched(_self: Outgoing, uri: str, _purpose: Purpose) -> Any:
        if not answers or uri != SECTOR:
            raise FetchRefused(uri)
        return answers[0]

    monkeypatch.setattr(Outgoing, "json_document", fetched)
    return answers


@pytest.mark.spec("OpenID Connect Dynamic Client Registration 1.0", "5")
def test_a_list_with_every_redirect_uri_vouches(provider: Provider, listed: list[Any]) -> None:
    listed.append([TWO, "https://three.example/cb", ONE])
    response = register(provider)
    assert response.status_code == 201, response.text
    assert response.json
    assert response.json["sector_identifier_uri"] == SECTOR
    token = {"Authorization": f"Bearer {response.json['registration_access_token']}"}
    body = {"client_id": response.json["client_id"], "redirect_uris": [ONE, "https://four.example/cb"],
            "subject_type": "pairwise", "sector_identifier_uri": SECTOR}  # fmt: skip
    path = f"/register/{response.json['client_id']}"
    changed = provider.http.put(path, base_url=provider.base, json=body, headers=token)
    refused(changed, 400, "invalid_client_metadata")


@pytest.mark.spec("CIBA Core", "4.1")
def test_the_keys_of_a_client_of_ciba_are_listed_too(provider: Provider, listed: list[Any]) -> None:
    keys = "https://one.example/keys"
    members = {
        "grant_types": ["authorization_code", "urn:openid:params:grant-type:ciba"], "jwks_uri": keys,
        "backchannel_token_delivery_mode": "poll",
    }  # fmt: skip
    listed.append([ONE, TWO])
    refused(register(provider, **members), 400, "invalid_client_metadata")
    listed[0] = [ONE, TWO, keys]
    assert register(provider, **members).status_code == 201


@pytest.mark.spec("OpenID Connect Dynamic Client Registration 1.0", "5")
@pytest.mark.parametrize("answer", [None, [ONE], {"redirect_uris": [ONE, TWO]}, ONE + TWO, [], 7])
def test_anything_else_does_not(provider: Provider, listed: list[Any], answer: Any) -> None:
    if answer is not None:
        listed.append(answer)
    with provider.nothing_changes():
        refused(register(provider), 400, "invalid_client_metadata")


def test_it_is_fetched_through_the_guard(provider: Provider) -> None:
    """security.md: SSRF."""
    for uri in ("https://127.0.0.1/x", "https://localhost:1/x", "https://[::1]/x"):
        refused(register(provider, sector_identifier_uri=uri), 400, "invalid_client_metadata")


@pytest.mark.parametrize("wrong", [{"redirect_uris": "x"}, {"sector_identifier_uri": 7}, {"redirect_uris": [{}]}])
def test_members_of_a_wrong_type_are_refused_as_such(provider: Provider, listed: list[Any], wrong: Any) -> None:
    listed.append([ONE])
    assert register(provider, **wrong).status_code == 400
