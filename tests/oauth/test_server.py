"""Who asks at the token endpoint: as they were a moment ago where that brings nothing to life, else as they are."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from idp.domain.client import Client
from idp.storage import client_leases
from idp.storage.clients import SqlClients

from ..provider import App, Provider, answered, refused

GRANTS = ["refresh_token", "authorization_code", "client_credentials"]


class Scene:
    """An app that can ask for a token by each grant, once and once more."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        provider.resource("https://jobs.example", jobs_read="Read jobs")
        self.app: App = provider.register(scope="openid offline_access jobs:read", grant_types=GRANTS)
        self.ada = provider.sign_in()
        self.codes = [provider.code(self.app, self.ada) for _ in range(2)]
        self.refresh_token: str = provider.tokens(self.app, self.ada)["refresh_token"]

    def ask(self, grant: str) -> TestResponse:
        """By a grant that has something to offer."""
        if grant == "authorization_code":
            return self.provider.redeem(self.app, self.codes.pop())
        if grant == "refresh_token":
            answer = self.provider.refresh(self.app, self.refresh_token)
            self.refresh_token = (answer.json or {}).get("refresh_token", self.refresh_token)
            return answer
        return self.provider.credentials(self.app)


@pytest.fixture
def scene(both: Provider) -> Scene:
    return Scene(both)


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Clients that the database was asked for; a lease lasts for ever meanwhile."""
    found: list[str] = []
    get = SqlClients.get

    def counted(clients: SqlClients, client_id: str) -> Client | None:
        found.append(client_id)
        return get(clients, client_id)

    monkeypatch.setattr(client_leases, "LEASE_SECONDS", 1000.0)
    monkeypatch.setattr(SqlClients, "get", counted)
    return found


@pytest.mark.parametrize("grant", GRANTS)
def test_who_asked_a_moment_ago_is_not_looked_up_again(scene: Scene, looked_up: list[str], grant: str) -> None:
    answered(scene.ask(grant))
    looked_up.clear()
    answered(scene.ask(grant))
    anew = grant == "authorization_code"  # of a further code of a Session ``founding`` looks at the client
    assert looked_up == [scene.app.id] * anew


def test_who_polls_is_looked_up_each_time(scene: Scene, looked_up: list[str]) -> None:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"}
    for _ in range(2):
        looked_up.clear()
        scene.provider.post("/token", form, scene.app)
        assert looked_up


@pytest.mark.promise("P1")
@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("change", ["rotate_secret", "disable", "delete"])
def test_nobody_gets_anything_from_the_acknowledgement_on(scene: Scene, grant: str, change: str) -> None:
    answered(scene.ask(grant))
    with scene.provider.stores.work():
        getattr(scene.provider.services.clients, change)(scene.app.id)
    refused(scene.ask(grant), 401, "invalid_client")
