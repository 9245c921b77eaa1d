"""The revocation log as plain JSON: who may read it, what it says, how one resumes (design.md 4.3)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from idp.domain.client import ClientOrigin
from idp.domain.revocation import RETENTION, Revocation, RevocationKind
from idp.domain.session import EndReason, WholeUser
from idp.errors import InputRefused, Unavailable
from idp.oauth import revocation_log

from ..builders import a_revocation
from ..provider import API, ISSUER, App, Provider, answered, claims_of, refused, running, sent_back

NOTES = "https://notes.example"
PATH = "/revocations"


def resource_server(provider: Provider, name: str = "Notes", resource: str = NOTES, **members: Any) -> App:
    """A confidential client that is the resource server of an API."""
    server = provider.register(name, **{"grant_types": ["client_credentials"], "redirect_uris": []} | members)
    provider.resource(resource, server)
    return server


def token_of(provider: Provider, server: App) -> str:
    token: str = answered(provider.credentials(server, scope="revocations"))["access_token"]
    return token


def read(provider: Provider, token: str | None, query: str = "", **headers: str) -> TestResponse:
    """GET /revocations."""
    sent = {**headers, "Authorization": f"Bearer {token}"} if token is not None else headers
    return provider.get(f"{PATH}{query}", **sent)


def page(provider: Provider, token: str, after: int | None = None) -> dict[str, Any]:
    return answered(read(provider, token, "" if after is None else f"?after={after}"))


@pytest.fixture(scope="module")
def server(provider: Provider) -> App:
    return resource_server(provider)


@pytest.fixture(scope="module")
def token(provider: Provider, server: App) -> str:
    return token_of(provider, server)


# ── who may read it ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.spec("RFC 6749", "4.4.3")
def test_a_resource_server_gets_a_token_for_it(provider: Provider, server: App) -> None:
    tokens = answered(provider.credentials(server, scope="revocations"))
    assert tokens["scope"] == "revocations"
    claims = claims_of(tokens["access_token"])
    assert claims["aud"] == ISSUER
    assert claims["scope"] == "revocations"
    assert "sid" not in claims


@pytest.mark.spec("RFC 8707", "2.2")
def test_its_audience_is_the_issuer_alone(provider: Provider, server: App) -> None:
    named = answered(provider.credentials(server, scope="revocations", resource=ISSUER))
    assert claims_of(named["access_token"])["aud"] == ISSUER
    refused(provider.credentials(server, scope="revocations", resource=NOTES), 400, "invalid_target")


@pytest.mark.spec("RFC 6749", "3.3")
def test_it_stands_in_a_token_of_its_own(provider: Provider, server: App) -> None:
    """With an API's scope beside it, that API could read the log with what it was sent."""
    provider.resource("https://jobs.example", jobs_read="Read jobs")
    refused(provider.credentials(server, scope="revocations jobs:read"), 400, "invalid_scope")


def test_without_asking_there_is_none(provider: Provider, server: App) -> None:
    tokens = answered(provider.credentials(server))
    assert "revocations" not in tokens["scope"].split()
    refused(read(provider, tokens["access_token"]), 403, "insufficient_scope")


@pytest.mark.spec("RFC 6749", "3.3")
@pytest.mark.parametrize(
    "members", [{}, {"origin": ClientOrigin.DYNAMIC}, {"scope": "openid revocations"}, {"trusted": True}]
)
def test_no_other_client_gets_one(provider: Provider, members: dict[str, Any]) -> None:
    other = provider.register("Other", grant_types=["client_credentials"], redirect_uris=[], **members)
    refused(provider.credentials(other, scope="revocations"), 400, "invalid_scope")


@pytest.mark.spec("RFC 6749", "4.4")
def test_no_public_client_gets_one(provider: Provider) -> None:
    public = provider.register("Public", token_endpoint_auth_method="none")
    provider.resource("https://public.example", public)
    refused(provider.credentials(public, scope="revocations"), 400, "unauthorized_client")


@pytest.mark.spec("RFC 6749", "4.1.2.1")
def test_no_person_is_asked_for_it(provider: Provider, server: App) -> None:
    app = provider.register("Curious", scope="openid revocations")
    assert "revocations" not in app.client.scope
    sent_back(provider.authorize(app, provider.sign_in(), scope="openid revocations"), "invalid_scope")


def test_nobody_can_register_a_scope_of_that_name(provider: Provider) -> None:
    with pytest.raises(InputRefused):
        provider.services.resources.create(API, "API", {"revocations": "See what ended"}, None)


@pytest.mark.spec("RFC 8414", "2")
def test_discovery_says_where(provider: Provider, database: str) -> None:
    for name in ("openid-configuration", "oauth-authorization-server"):
        document = answered(provider.get(f"/.well-known/{name}"))
        assert document["revocations_endpoint"] == f"{ISSUER}/revocations"
        assert "revocations" not in document["scopes_supported"]
    elsewhere = f"{ISSUER}:8443/revocations"
    with running(database, streams_url=elsewhere) as other:
        document = answered(other.get("/.well-known/openid-configuration"))
        assert document["revocations_endpoint"] == elsewhere


@pytest.mark.spec("RFC 6750", "3.1")
def test_the_challenges(provider: Provider, token: str, server: App) -> None:
    none = read(provider, None)
    assert none.status_code == 401
    assert none.headers["WWW-Authenticate"].startswith('Bearer realm="idp", DPoP ')
    for wrong in ("junk", token[:-2], token + "x"):
        refused(read(provider, wrong), 401, "invalid_token")
    lacking = read(provider, answered(provider.credentials(server))["access_token"])
    assert 'scope="revocations"' in lacking.headers["WWW-Authenticate"]


@pytest.mark.spec("RFC 6750", "2.3")
def test_a_token_in_the_uri_is_refused(provider: Provider, token: str) -> None:
    refused(read(provider, None, f"?access_token={token}"), 400, "invalid_request")
    refused(read(provider, token, f"?access_token={token}"), 400, "invalid_request")


def test_a_persons_token_opens_nothing(provider: Provider) -> None:
    app = provider.register("App", trusted=True)
    tokens = provider.tokens(app, provider.sign_in())
    refused(read(provider, tokens["access_token"]), 403, "insufficient_scope")


@pytest.mark.spec("RFC 8725", "3.11")
def test_an_id_token_opens_nothing(provider: Provider) -> None:
    app = provider.register("App", trusted=True)
    tokens = provider.tokens(app, provider.sign_in())
    refused(read(provider, tokens["id_token"]), 401, "invalid_token")


@pytest.mark.promise("P1")
@pytest.mark.parametrize("way", ["disabled", "deleted", "no longer a resource server", "revoked", "expired"])
def test_a_token_outlives_nothing_that_it_hangs_on(alone: Provider, way: str) -> None:
    server = resource_server(alone)
    token = token_of(alone, server)
    answered(read(alone, token))
    with alone.stores.work():
        if way == "disabled":
            alone.services.clients.disable(server.id)
        elif way == "deleted":
            alone.services.clients.delete(server.id)
        elif way == "no longer a resource server":
            alone.services.resources.delete(NOTES)
    if way == "revoked":
        assert alone.revoke(server, token).status_code == 200
    with alone.clock.later(1000 if way == "expired" else 0):
        refused(read(alone, token), 401, "invalid_token")


@pytest.mark.promise("P1")
def test_enabled_again_the_old_token_stays_dead(alone: Provider) -> None:
    server = resource_server(alone)
    token = token_of(alone, server)
    with alone.stores.work():
        alone.services.clients.disable(server.id)
    with alone.stores.work():
        alone.services.clients.enable(server.id)
    refused(read(alone, token), 401, "invalid_token")
    with alone.clock.later(2):
        answered(read(alone, token_of(alone, server)))


# ── what it says ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def log(alone: Provider) -> tuple[Provider, str]:
    """A provider with nothing in its log, and a token."""
    return alone, token_of(alone, resource_server(alone))


def test_an_empty_log(log: tuple[Provider, str]) -> None:
    provider, token = log
    response = read(provider, token)
    assert answered(response) == {"head": 0, "entries": [], "more": False, "poll": 0.15}
    assert response.headers["Cache-Control"] == "no-store"
    assert response.mimetype == "application/json"


def test_an_ending_is_told_by_sid(log: tuple[Provider, str]) -> None:
    provider, token = log
    app = provider.register("App", trusted=True)
    tokens = provider.tokens(app, provider.sign_in())
    sid = claims_of(tokens["access_token"])["sid"]
    before = provider.clock.now()
    assert provider.revoke(app, tokens["access_token"]).status_code == 200
    found = page(provider, token)
    [entry] = found["entries"]
    assert entry.keys() == {"seq", "kind", "value", "at", "exp"}, "and no reason"
    assert (entry["seq"], entry["kind"], entry["value"]) == (1, "sid", sid)
    assert found["head"] == 1
    assert before.timestamp() - 0.001 <= entry["at"] <= provider.clock.now().timestamp()
    assert isinstance(entry["exp"], int)
    assert 0 < entry["exp"] - (entry["at"] + RETENTION.total_seconds()) <= 1.001


def test_a_person_and_a_client_are_told_as_a_whole(log: tuple[Provider, str]) -> None:
    provider, token = log
    app = provider.register("App", trusted=True)
    ada = provider.sign_in()
    provider.tokens(app, ada)
    assert ada.user is not None
    with provider.stores.work():
        provider.services.sessions.end_session(WholeUser(ada.user.id), EndReason.ADMINISTRATOR, by="operator")
        provider.services.clients.disable(app.id)
    entries = page(provider, token)["entries"]
    assert [entry["kind"] for entry in entries] == ["sid", "sub", "client_id"]
    assert [entry["value"] for entry in entries[1:]] == [str(ada.user.id), app.id]


def test_a_token_revoked_by_itself_is_told_by_jti(log: tuple[Provider, str]) -> None:
    provider, token = log
    machine = provider.register("Machine", grant_types=["client_credentials"], redirect_uris=[])
    revoked = answered(provider.credentials(machine))["access_token"]
    provider.revoke(machine, revoked)
    [entry] = page(provider, token)["entries"]
    assert (entry["kind"], entry["value"]) == ("jti", claims_of(revoked)["jti"])
    assert entry["exp"] >= claims_of(revoked)["exp"] + 60


def test_resuming_gives_what_came_later(log: tuple[Provider, str]) -> None:
    provider, token = log
    provider.stores.revocations.append([a_revocation(f"sid {number}") for number in range(5)])
    first = page(provider, token)
    assert [entry["seq"] for entry in first["entries"]] == [1, 2, 3, 4, 5]
    provider.stores.revocations.append([a_revocation("sid 5")])
    later = page(provider, token, first["head"])
    assert [entry["value"] for entry in later["entries"]] == ["sid 5"]
    assert page(provider, token, later["head"]) == {"head": 6, "entries": [], "more": False, "poll": 0.15}
    assert len(page(provider, token, 0)["entries"]) == 6


def test_a_long_log_comes_in_pages(log: tuple[Provider, str], monkeypatch: pytest.MonkeyPatch) -> None:
    provider, token = log
    monkeypatch.setattr(revocation_log, "PAGE", 4)
    provider.stores.revocations.append([a_revocation(f"sid {number}") for number in range(10)])
    seen, place, cut = [], None, []
    while True:
        found = page(provider, token, place)
        seen += [entry["seq"] for entry in found["entries"]]
        cut.append(found["more"])
        place = found["head"]
        if not found["more"]:
            break
    assert seen == list(range(1, 11))
    assert cut == [True, True, False]
    assert place == 10


def test_the_head_stays_when_everything_has_been_forgotten(log: tuple[Provider, str]) -> None:
    provider, token = log
    provider.stores.revocations.append([a_revocation("sid"), a_revocation("other")])
    provider.stores.sweeper.sweep(provider.clock.now() + timedelta(days=2), 100)
    assert page(provider, token) == {"head": 2, "entries": [], "more": False, "poll": 0.15}
    assert page(provider, token, 2)["head"] == 2


def test_a_place_beyond_the_head_is_gone(log: tuple[Provider, str]) -> None:
    """The database is a restored one: its numbers are not those that the reader has seen."""
    provider, token = log
    provider.stores.revocations.append([a_revocation("sid")])
    refused(read(provider, token, "?after=2"), 410, "invalid_request")


@pytest.mark.promise("P8")
@pytest.mark.parametrize(
    "query",
    ["?after=-1", "?after=1.5", "?after=01", "?after=+1", "?after=%D9%A1", "?after=1e3", "?after=x",
     "?after=1&after=1", "?after=99999999999999999", "?after=" + "9" * 5000, "?after=%00", "?wait=31", "?wait=-1",
     "?wait=x", "?wait=1&wait=2", "?wait=nan", "?wait=1e1", "?after=%ff", "?after=%ED%A0%80"],
)  # fmt: skip
def test_strict_parameters(provider: Provider, token: str, query: str) -> None:
    refused(read(provider, token, query), 400, "invalid_request")


def test_what_others_may_send_does_not_hurt(provider: Provider, token: str) -> None:
    """A parameter without a value counts as omitted (RFC 6749 section 3.1); unknown ones are ignored."""
    assert answered(read(provider, token, "?after=&wait=30&since=x", Accept="text/event-stream"))["more"] is False


@pytest.mark.spec("RFC 9110", "15.5.6")
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_it_is_only_read(provider: Provider, token: str, method: str) -> None:
    response = provider.http.open(
        PATH, method=method, base_url=provider.base, headers={"Authorization": f"Bearer {token}"}
    )
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET"


@pytest.mark.promise("P5")
def test_a_database_that_does_not_answer_is_503(
    provider: Provider, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_arguments: object) -> None:
        raise Unavailable("the database")

    monkeypatch.setattr(type(provider.stores.revocations), "may_follow", silent)
    response = read(provider, token)
    refused(response, 503, "temporarily_unavailable")
    assert response.headers["Retry-After"]


def test_times_are_rounded_to_the_safe_side() -> None:
    at = datetime(2026, 11, 22, 0, 0, 0, 999_999, tzinfo=UTC)
    entry = Revocation(kind=RevocationKind.SID, value="s", at=at, expires_at=at, reason="x", seq=1)
    found = json.loads(revocation_log.encoded(entry))
    assert found["at"] == at.timestamp() // 1 + 0.999, "still in its second"
    assert found["exp"] == at.timestamp() // 1 + 1, "not forgotten too early"
