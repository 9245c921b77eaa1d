"""RFC 8693: what an API may make of the token it was called with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from idp import jose
from idp.domain.exchange import MOST_LINKS, ExchangePolicy
from idp.domain.session import EndReason, OneClientSession
from idp.domain.trusted_issuer import SubjectKind

from ..proofs import ProofKey
from ..provider import ISSUER, VERIFIER, App, Browser, Provider, answered, claims_of, refused

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN = "urn:ietf:params:oauth:token-type:access_token"
PHOTOS, STORE, BILLS = "https://photos.api.example", "https://store.api.example", "https://bills.api.example"
BOTH = ExchangePolicy(targets=(STORE,), scope=("store:read",), impersonation=True, delegation=True)


def server_of(provider: Provider, policy: ExchangePolicy | None = BOTH, **members: Any) -> App:
    """The resource server of Photos, which calls Store."""
    kinds = [GRANT, "client_credentials"]
    app = provider.register(
        "Photos API", redirect_uris=[], grant_types=kinds, exchange=policy, **{"scope": "photos:read", **members}
    )
    provider.services.resources.create(
        PHOTOS, "Photos", {"photos:read": "See your photos", "photos:write": "Change your photos"}, app.id
    )
    provider.services.resources.create(STORE, "Store", {"store:read": "Read what is stored"}, None)
    provider.services.resources.create(BILLS, "Bills", {"bills:read": "Read your bills"}, None)
    return app


def token_for(provider: Provider, browser: Browser, scope: str = "openid photos:read photos:write") -> dict[str, Any]:
    return provider.tokens(provider.register(), browser, scope=scope)


def exchange(provider: Provider, app: App, token: str, **form: Any) -> TestResponse:
    right = {"grant_type": GRANT, "subject_token": token, "subject_token_type": TOKEN} | form
    return provider.post("/token", {name: value for name, value in right.items() if value is not None}, app)


@pytest.fixture
def browser(alone: Provider) -> Browser:
    return alone.sign_in()


@pytest.mark.spec("RFC 8693", "2.2.1")
def test_impersonation(alone: Provider, browser: Browser) -> None:
    api = server_of(alone)
    subject = token_for(alone, browser)["access_token"]
    answer = answered(exchange(alone, api, subject))
    assert answer["issued_token_type"] == TOKEN
    assert answer["token_type"] == "Bearer"
    assert answer["scope"] == "store:read"
    assert not {"refresh_token", "id_token"} & set(answer)
    made, was = claims_of(answer["access_token"]), claims_of(subject)
    assert {name: made[name] for name in ("sub", "sid", "auth_time")} == {
        name: was[name] for name in ("sub", "sid", "auth_time")
    }  # fmt: skip
    assert (made["aud"], made["client_id"], made["scope"]) == (STORE, api.id, "store:read")
    assert "act" not in made


@pytest.mark.spec("RFC 8693", "3")
def test_an_access_token_is_a_jwt_too(alone: Provider, browser: Browser) -> None:
    api, kind = server_of(alone), "urn:ietf:params:oauth:token-type:jwt"
    subject = token_for(alone, browser)["access_token"]
    actor = {"actor_token": answered(alone.credentials(api))["access_token"], "actor_token_type": kind}
    answer = answered(exchange(alone, api, subject, subject_token_type=kind, requested_token_type=kind, **actor))
    assert (answer["issued_token_type"], answer["token_type"]) == (kind, "Bearer")


@pytest.mark.spec("RFC 8693", "4.4")
def test_who_alone_may_act(alone: Provider, browser: Browser) -> None:
    api = server_of(alone)
    for actor in (api.id, "somebody-else"):
        app = alone.register(exchange=ExchangePolicy(may_act=actor))
        subject = alone.tokens(app, browser, scope="openid photos:read")["access_token"]
        assert claims_of(subject)["may_act"] == {"sub": actor}
        assert answered(alone.introspect(api, subject))["may_act"] == {"sub": actor}
        named = {"actor_token": answered(alone.credentials(api))["access_token"], "actor_token_type": TOKEN}
        for form in ({}, named):
            answer = exchange(alone, api, subject, **form)
            if actor == api.id:
                assert "may_act" not in claims_of(answered(answer)["access_token"]), "it spoke of the subject token"
            else:
                refused(answer, 400, "invalid_request")
    assert "may_act" not in claims_of(answered(alone.credentials(api))["access_token"]), "nobody's token"


@pytest.mark.spec("RFC 8693", "4.1")
def test_delegation_says_who_acts(alone: Provider, browser: Browser) -> None:
    api = server_of(alone)
    subject = token_for(alone, browser)["access_token"]
    actor = {"actor_token": answered(alone.credentials(api))["access_token"], "actor_token_type": TOKEN}
    made = claims_of(answered(exchange(alone, api, subject, **actor))["access_token"])
    assert made["act"] == {"sub": api.id}
    assert browser.user
    assert made["sub"] == str(browser.user.id)


@pytest.mark.spec("RFC 8693", "2.1")
def test_an_actor_token_is_ones_own_and_nobodys_session(alone: Provider, browser: Browser) -> None:
    api = server_of(alone)
    other = alone.register("Other", redirect_uris=[], grant_types=["client_credentials"], scope="photos:read")
    subject = token_for(alone, browser)["access_token"]
    made = answered(exchange(alone, api, subject))["access_token"]
    for actor in (answered(alone.credentials(other))["access_token"], subject, made):
        refused(exchange(alone, api, subject, actor_token=actor, actor_token_type=TOKEN), 400, "invalid_request")


def test_a_chain_keeps_everybody_who_acted(alone: Provider, browser: Browser) -> None:
    first = server_of(alone)
    second = alone.register(
        "Store API", redirect_uris=[], grant_types=[GRANT, "client_credentials"], scope="store:read",
        exchange=ExchangePolicy(targets=(BILLS,), scope=("bills:read",), impersonation=True, delegation=True),
    )  # fmt: skip
    alone.services.resources.delete(STORE)
    alone.services.resources.create(STORE, "Store", {"store:read": "Read what is stored"}, second.id)

    def actor(app: App) -> dict[str, str]:
        return {"actor_token": answered(alone.credentials(app))["access_token"], "actor_token_type": TOKEN}

    once = answered(exchange(alone, first, token_for(alone, browser)["access_token"], **actor(first)))
    twice = answered(exchange(alone, second, once["access_token"], **actor(second)))
    assert claims_of(twice["access_token"])["act"] == {"sub": second.id, "act": {"sub": first.id}}
    quiet = answered(exchange(alone, second, once["access_token"]))
    assert claims_of(quiet["access_token"])["act"] == {"sub": first.id}, "nobody who acted is forgotten"


@pytest.mark.promise("P1")
@pytest.mark.parametrize("what", ["session", "revoked", "client"])
def test_it_dies_with_the_session_and_with_its_client(alone: Provider, browser: Browser, what: str) -> None:
    api = server_of(alone)
    subject = token_for(alone, browser)["access_token"]
    made = answered(exchange(alone, api, subject))["access_token"]
    assert alone.active(api, made)
    if what == "session":
        with alone.stores.work():
            sid = UUID(claims_of(made)["sid"])
            alone.services.sessions.end_session(OneClientSession(sid), EndReason.ADMINISTRATOR, by="operator")
        assert not alone.active(api, subject)
        refused(exchange(alone, api, subject), 400, "invalid_request")
    elif what == "revoked":
        alone.revoke(api, made)
        assert alone.active(api, subject), "the token of the app it came of lives on"
    else:
        with alone.stores.work():
            alone.services.clients.disable(api.id)
        with alone.clock.later(2), alone.stores.work():
            alone.services.clients.enable(api.id)
    assert not alone.active(api, made)


def test_it_never_outlives_the_subject_token(alone: Provider, browser: Browser) -> None:
    api = server_of(alone)
    subject = token_for(alone, browser)["access_token"]
    with alone.clock.later(100):
        answer = answered(exchange(alone, api, subject))
    assert claims_of(answer["access_token"])["exp"] == claims_of(subject)["exp"]
    assert answer["expires_in"] <= alone.settings.access_token_life - 100


def chain(provider: Provider, browser: Browser) -> tuple[App, App, str, str]:
    """Photos calls Store with what it was called with, and Store calls Bills: both servers, and both tokens."""
    photos = server_of(provider)
    policy = ExchangePolicy(targets=(BILLS,), scope=("bills:read",), impersonation=True)
    store = provider.register("Store API", redirect_uris=[], grant_types=[GRANT], exchange=policy)
    provider.services.resources.delete(STORE)
    provider.services.resources.create(STORE, "Store", {"store:read": "Read what is stored"}, store.id)
    subject = token_for(provider, browser)["access_token"]
    middle = answered(exchange(provider, photos, subject))["access_token"]
    last = answered(exchange(provider, store, middle))["access_token"]
    return photos, store, middle, last


@pytest.mark.promise("P1")
@pytest.mark.parametrize("end", ["disabled", "deleted", "revoked"])
def test_a_token_dies_with_every_token_on_its_way(both: Provider, end: str) -> None:
    """The operator throws the client in the middle out, or that takes back what it was given."""
    browser = both.sign_in()
    photos, store, middle, last = chain(both, browser)
    assert both.active(store, last)
    assert both.active(store, middle)
    if end == "revoked":
        both.revoke(photos, middle)
    else:
        with both.stores.work():
            getattr(both.services.clients, {"disabled": "disable", "deleted": "delete"}[end])(photos.id)
    assert not both.active(store, last)
    refused(exchange(both, store, last), 400, "invalid_request")
    if end == "disabled":
        with both.clock.later(2), both.stores.work():
            both.services.clients.enable(photos.id)
        assert not both.active(store, last)


@pytest.mark.promise("P1")
def test_a_delegation_dies_with_its_actor_token_and_no_later(alone: Provider, browser: Browser) -> None:
    """Also what comes of it: and as long as anything can be alive, its end is remembered."""
    api = server_of(alone)
    actor = answered(alone.credentials(api))["access_token"]
    with alone.clock.later(100):
        subject = token_for(alone, browser)["access_token"]
        made = answered(exchange(alone, api, subject, actor_token=actor, actor_token_type=TOKEN))["access_token"]
        assert claims_of(made)["exp"] == claims_of(actor)["exp"]
        again = answered(exchange(alone, api, subject, actor_token=actor, actor_token_type=TOKEN))["access_token"]
        assert alone.active(api, made)
        alone.revoke(api, actor)
        assert not alone.active(api, made)
        assert not alone.active(api, again)


@pytest.mark.spec("RFC 8693", "2.2.2")
def test_nothing_is_exchanged_for_ever(alone: Provider, browser: Browser) -> None:
    """Each token on the way is looked at whenever the last one is."""
    own = ExchangePolicy(targets=(PHOTOS,), impersonation=True)
    api = server_of(alone, own)
    token = token_for(alone, browser)["access_token"]
    for _ in range(MOST_LINKS + 1):
        token = answered(exchange(alone, api, token))["access_token"]
    assert len(claims_of(token)["via"]) == MOST_LINKS
    refused(exchange(alone, api, token), 400, "invalid_request")


@pytest.mark.spec("RFC 8693", "2.2.2")
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token": "junk"}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"actor_token": "junk", "actor_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        ({"resource": [STORE, BILLS]}, "invalid_target"),
        ({"resource": STORE, "audience": BILLS}, "invalid_target"),
        ({"resource": f"{STORE}#x"}, "invalid_target"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"actor_token_type": TOKEN}, "invalid_request"),
        ({"actor_token": "junk", "actor_token_type": TOKEN}, "invalid_request"),
        ({"actor_token": "junk"}, "invalid_request"),
        ({"audience": BILLS}, "invalid_target"),
        ({"resource": "https://unknown.example"}, "invalid_target"),
        ({"scope": "bills:read"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
    ],
)
def test_what_is_refused(alone: Provider, browser: Browser, form: dict[str, Any], error: str) -> None:
    api = server_of(alone)
    subject = token_for(alone, browser)["access_token"]
    with alone.nothing_changes():
        refused(exchange(alone, api, subject, **form), 400, error)


def test_whose_tokens_are_nobody_elses_business(alone: Provider, browser: Browser) -> None:
    api = server_of(alone)
    elsewhere = token_for(alone, browser, "openid")["access_token"]
    refused(exchange(alone, api, elsewhere), 400, "invalid_request")
    service = answered(alone.credentials(api))["access_token"]
    refused(exchange(alone, api, service), 400, "invalid_request")
    mine = token_for(alone, browser)
    refused(exchange(alone, api, mine["id_token"]), 400, "invalid_request")
    refused(exchange(alone, api, mine["refresh_token"]), 400, "invalid_request")
    stolen = {"actor_token": mine["access_token"], "actor_token_type": TOKEN}
    refused(exchange(alone, api, mine["access_token"], **stolen), 400, "invalid_request")


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (None, "unauthorized_client"),
        (ExchangePolicy(impersonation=True), "unauthorized_client"),
        (ExchangePolicy(targets=(STORE,), delegation=True), "invalid_request"),
    ],
)
def test_the_operator_decides(
    alone: Provider, browser: Browser, policy: ExchangePolicy | None, error: str
) -> None:  # fmt: skip
    api = server_of(alone, policy)
    refused(exchange(alone, api, token_for(alone, browser)["access_token"]), 400, error)


def test_a_client_that_is_not_registered_for_it(alone: Provider, browser: Browser) -> None:
    app = alone.register(exchange=BOTH)
    refused(exchange(alone, app, alone.tokens(app, browser)["access_token"]), 400, "unauthorized_client")


def test_without_a_wider_policy_it_only_narrows(alone: Provider, browser: Browser) -> None:
    api = server_of(alone, ExchangePolicy(targets=(PHOTOS,), impersonation=True))
    subject = token_for(alone, browser)["access_token"]
    assert answered(exchange(alone, api, subject, scope="photos:read"))["scope"] == "photos:read"
    assert answered(exchange(alone, api, subject))["scope"] == "photos:read photos:write"
    refused(exchange(alone, api, subject, scope="photos:read store:read"), 400, "invalid_scope")


def test_each_is_on_record(alone: Provider, browser: Browser) -> None:
    api = server_of(alone)
    exchange(alone, api, token_for(alone, browser)["access_token"])
    assert browser.user
    event = next(e for e in alone.stores.events.of_user(browser.user.id, 20) if e.kind == "token.exchanged")
    assert (event.client_id, event.actor) == (api.id, f"client:{api.id}")
    assert event.details["manner"] == "impersonation"
    assert event.details["audience"] == [STORE]


@pytest.mark.spec("RFC 8693", "2.1")
def test_a_bound_token_makes_bound_ones_alone(alone: Provider, browser: Browser) -> None:
    """security.md N: an exchange takes no binding off, neither an API's nor a client's own."""
    phone, server, other = ProofKey(), ProofKey(), ProofKey()

    def proof(key: ProofKey) -> dict[str, str]:
        return {"DPoP": key.proof("/token", alone.clock.now().timestamp())}

    def exchanged(app: App, key: ProofKey | None, **form: str) -> TestResponse:
        right = {"grant_type": GRANT, "subject_token_type": TOKEN, "actor_token_type": TOKEN, **form}
        if "actor_token" not in form:
            del right["actor_token_type"]
        return alone.post("/token", right, app, headers=proof(key) if key else {})

    api = server_of(alone)
    app = alone.register(grant_types=["authorization_code", GRANT], exchange=BOTH, dpop_bound_access_tokens=False)
    code = {
        "grant_type": "authorization_code", "code": alone.code(app, browser, scope="photos:read"),
        "redirect_uri": app.redirect_uri, "code_verifier": VERIFIER,
    }  # fmt: skip
    subject = answered(alone.post("/token", code, app, headers=proof(phone)))["access_token"]
    refused(exchanged(api, None, subject_token=subject), 400, "invalid_request")
    made = answered(exchanged(api, server, subject_token=subject))
    assert (made["token_type"], claims_of(made["access_token"])["cnf"]) == ("DPoP", {"jkt": server.jkt})
    for key in (None, other):
        refused(exchanged(app, key, subject_token=subject), 400, "invalid_request")
    assert claims_of(answered(exchanged(app, phone, subject_token=subject))["access_token"])["cnf"] == {
        "jkt": phone.jkt
    }
    own = {"grant_type": "client_credentials"}
    actor = answered(alone.post("/token", own, api, headers=proof(server)))["access_token"]
    refused(exchanged(api, other, subject_token=subject, actor_token=actor), 400, "invalid_request")
    answered(exchanged(api, server, subject_token=subject, actor_token=actor))


def test_what_an_assertion_earned_may_be_exchanged(alone: Provider) -> None:
    """Nobody has signed in: there is no ``auth_time`` to pass on."""
    api = server_of(alone)
    user = alone.person()
    robot = alone.register("Robot", redirect_uris=[], grant_types=[BEARER])
    key = jose.generate("ES256")
    with alone.stores.work():
        alone.services.trusted_issuers.create(
            "https://works.example", jwks={"keys": [jose.public_jwk(key, "ES256")]}, jwks_uri=None, clients=[robot.id],
            scope=["photos:read"], subject=SubjectKind.ID,
        )  # fmt: skip
    alone.consent(user, robot, "photos:read")
    now = int(alone.clock.now().timestamp())
    claims = {
        "iss": "https://works.example", "sub": str(user.id), "aud": ISSUER, "iat": now, "exp": now + 60, "jti": "1"
    }  # fmt: skip
    kid = str(jose.public_jwk(key, "ES256")["kid"])
    word = jose.sign(claims, jose.Signer(kid, "ES256", key), typ="JWT")
    earned = answered(alone.post("/token", {"grant_type": BEARER, "assertion": word}, robot))["access_token"]
    made = claims_of(answered(exchange(alone, api, earned))["access_token"])
    assert made["sid"] == claims_of(earned)["sid"]
    assert "auth_time" not in made


@pytest.mark.promise("P1")
def test_an_ended_token_is_not_exchanged(alone: Provider, browser: Browser) -> None:
    api, subject = server_of(alone), token_for(alone, browser)["access_token"]
    assert browser.user
    with alone.stores.work():
        alone.services.accounts.disable(browser.user)
    refused(exchange(alone, api, subject), 400, "invalid_request")
