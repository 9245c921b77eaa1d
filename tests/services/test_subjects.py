"""By what name a client knows a person (OpenID Connect Core 1.0 section 8)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idp.domain.client import ClientOrigin
from idp.domain.session import EndReason, WholeUser

from ..provider import App, Provider, answered, claims_of, refused, sent_back

HERE, THERE = "https://here.example/callback", "https://there.example/callback"


def pairwise(provider: Provider, uri: str = HERE, **more: Any) -> App:
    return provider.register(redirect_uris=[uri], subject_type="pairwise", **more)


def subject(token: str) -> str:
    return str(claims_of(token)["sub"])


@pytest.mark.spec("OpenID Connect Core 1.0", "8.1")
def test_one_name_for_each_sector(provider: Provider) -> None:
    ada, bob = provider.sign_in(), provider.sign_in(provider.person("bob@example.com"))
    assert ada.user
    one, same, other = pairwise(provider), pairwise(provider), pairwise(provider, THERE)
    names = {app.id: subject(provider.tokens(app, ada)["id_token"]) for app in (one, same, other)}
    assert names[one.id] == names[same.id], "the sector is the host, not the client"
    assert len({*names.values(), str(ada.user.id), subject(provider.tokens(one, bob)["id_token"])}) == 4
    assert all(str(ada.user.id) not in name and len(name) <= 255 and name.isascii() for name in names.values())
    assert subject(provider.tokens(one, ada)["id_token"]) == names[one.id], "the same for ever"


@pytest.mark.spec("OpenID Connect Core 1.0", "5.3.2")
@pytest.mark.spec("RFC 9068", "2.2")
def test_every_answer_names_the_person_alike(provider: Provider) -> None:
    ada, app = provider.sign_in(), pairwise(provider)
    tokens = provider.tokens(app, ada, scope="openid email offline_access")
    name = subject(tokens["id_token"])
    again = answered(provider.refresh(app, tokens["refresh_token"]))
    assert {subject(again["id_token"]), subject(again["access_token"]), subject(tokens["access_token"])} == {name}
    assert answered(provider.userinfo(again["access_token"]))["sub"] == name
    for token in (again["access_token"], again["refresh_token"]):
        assert answered(provider.introspect(app, token))["sub"] == name
    assert str(ada.user and ada.user.id) not in json.dumps(
        [claims_of(again["access_token"]), claims_of(again["id_token"])]
    )


@pytest.mark.promise("P1")
@pytest.mark.spec("OpenID Connect Core 1.0", "8.1")
def test_the_log_does_not_tell_one_name_to_who_knows_another(both: Provider) -> None:
    """Entries of one ending stand together: a person with pairwise names is ended by every ``sid`` alone."""
    ada, bob = both.sign_in(), both.sign_in(both.person("bob@example.com"))
    assert ada.user
    assert bob.user
    tokens = [both.tokens(app, ada)["access_token"] for app in (pairwise(both), pairwise(both, THERE), both.register())]
    both.tokens(both.register(), bob)
    for who in (ada.user, bob.user):
        with both.stores.work():
            both.services.sessions.end_session(WholeUser(who.id), EndReason.ADMINISTRATOR, by="operator")
    revoked = [(kind, value) for _seq, kind, value, *_rest in both.rows()["revocations"]]
    assert [value for kind, value in revoked if kind == "sub"] == [str(bob.user.id)]
    assert {claims_of(token)["sid"] for token in tokens} < {value for kind, value in revoked if kind == "sid"}


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.1")
@pytest.mark.spec("OpenID Connect Core 1.0", "5.5.1")
def test_a_client_finds_a_person_by_its_own_name_alone(provider: Provider) -> None:
    """Else two clients could find out that their pairwise names are one person's (section 8.1)."""
    ada, app, other = provider.sign_in(), pairwise(provider), pairwise(provider, THERE)
    assert ada.user
    own, foreign = (provider.tokens(item, ada)["id_token"] for item in (app, other))

    def silent(**asked: str) -> str | None:
        return sent_back(provider.authorize(app, ada, prompt="none", **asked), asked.pop("error", None), HERE).get(
            "code"
        )

    assert silent(id_token_hint=own)
    assert silent(claims=json.dumps({"id_token": {"sub": {"value": subject(own)}}}))
    for hidden in (subject(foreign), str(ada.user.id)):
        wanted = json.dumps({"id_token": {"sub": {"value": hidden}}})
        sent_back(provider.authorize(app, ada, prompt="none", claims=wanted), "login_required", HERE)
    sent_back(provider.authorize(app, ada, prompt="none", id_token_hint=foreign), "login_required", HERE)


DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.mark.spec("OpenID Connect Core 1.0", "8.1")
@pytest.mark.spec("OpenID Connect Core 1.0", "17.3")
def test_whoever_gets_tokens_elsewhere_is_no_neighbour(provider: Provider) -> None:
    """A client that registers itself may name anybody's redirect URI, and get its tokens by the device grant."""
    ada, victim = provider.person(), pairwise(provider)
    name = provider.services.subjects.subject
    stranger = pairwise(provider, origin=ClientOrigin.DYNAMIC, grant_types=["authorization_code", DEVICE])
    assert name(ada.id, stranger.client) != name(ada.id, victim.client)
    assert name(ada.id, pairwise(provider, origin=ClientOrigin.DYNAMIC).client) == name(ada.id, victim.client)


@pytest.mark.spec("OpenID Connect Core 1.0", "8.1")
@pytest.mark.parametrize(
    "uri", ["com.stranger.app://here.example/callback", "http://localhost/cb", "https://127.0.0.1/"]
)
def test_what_is_no_host_of_the_web_is_no_sector(provider: Provider, uri: str) -> None:
    body = {"redirect_uris": [uri], "subject_type": "pairwise", "application_type": "native"}
    refused(provider.http.post("/register", base_url=provider.base, json=body), 400, "invalid_client_metadata")


@pytest.mark.spec("OpenID Connect Core 1.0", "8.1")
@pytest.mark.parametrize(
    "start",
    [{"redirect_uris": [THERE]}, {"redirect_uris": [HERE], "grant_types": ["authorization_code", DEVICE]},
     {"redirect_uris": [THERE], "subject_type": "public"}],
)  # fmt: skip
def test_nobody_moves_into_another_sector(provider: Provider, start: dict[str, Any]) -> None:
    """Else what people granted before would tell the names of that sector at the next refresh."""
    body = {"subject_type": "pairwise"} | start
    made = provider.http.post("/register", base_url=provider.base, json=body).json
    assert made
    changed = {"client_id": made["client_id"], "redirect_uris": [HERE], "subject_type": "pairwise"}
    token = {"Authorization": f"Bearer {made['registration_access_token']}"}
    path = f"/register/{made['client_id']}"
    answer = provider.http.put(path, base_url=provider.base, json=changed, headers=token)
    assert "sector" in refused(answer, 400, "invalid_client_metadata")["error_description"]
    same = provider.http.put(path, base_url=provider.base, json={**body, "client_id": made["client_id"],
                             "client_name": "New"}, headers=token)  # fmt: skip
    assert same.status_code == 200


def test_a_deleted_person_has_no_names(alone: Provider) -> None:
    ada = alone.sign_in()
    assert ada.user
    alone.tokens(pairwise(alone), ada)
    with alone.stores.work():
        alone.services.accounts.delete(ada.user)
    assert not alone.rows()["pairwise_subjects"]


@pytest.mark.spec("OpenID Connect Discovery 1.0", "3")
def test_discovery_says_so(provider: Provider) -> None:
    assert answered(provider.get("/.well-known/openid-configuration"))["subject_types_supported"] == [
        "public",
        "pairwise",
    ]


@pytest.mark.spec("OpenID Connect Core 1.0", "8.1")
def test_registration_needs_one_host_or_a_sector(provider: Provider) -> None:
    body = {"redirect_uris": [HERE, THERE], "subject_type": "pairwise"}
    response = provider.http.post("/register", base_url=provider.base, json=body)
    assert "sector_identifier_uri" in refused(response, 400, "invalid_client_metadata")["error_description"]
