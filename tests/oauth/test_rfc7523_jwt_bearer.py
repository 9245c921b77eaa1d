"""RFC 7523 section 2.1: what the word of a trusted issuer is worth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from werkzeug.test import TestResponse

from idp import jose
from idp.domain.session import EndReason, WholeUser
from idp.domain.trusted_issuer import SubjectKind
from idp.errors import ProtocolError

from ..provider import API, ISSUER, PASSWORD, App, Provider, answered, claims_of, refused

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
WORKS = "https://works.example"
KEY, STRANGER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def trusting(provider: Provider, *, consent: bool = True, subject: str = "email", **members: Any) -> App:
    """An app that may present what Works signs about people here."""
    provider.resource(photos_read="See your photos", photos_write="Change your photos")
    app = provider.register("Robot", redirect_uris=[], grant_types=[GRANT], **members)
    with provider.stores.work():
        provider.services.trusted_issuers.create(
            WORKS, jwks={"keys": [{**jose.public_jwk(KEY, "ES256"), "use": "sig"}]}, jwks_uri=None, clients=[app.id],
            scope=["photos:read"], subject=SubjectKind(subject),
        )  # fmt: skip
    if consent:
        provider.consent(provider.person(), app, "photos:read")
    return app


def word(provider: Provider, key: Any = KEY, **changes: Any) -> str:
    now = int(provider.clock.now().timestamp())
    claims = {
        "iss": WORKS, "sub": "ada@example.com", "aud": ISSUER, "iat": now, "exp": now + 300, "jti": uuid4().hex,
    } | changes  # fmt: skip
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, "ES256")


def present(provider: Provider, app: App, assertion: str, **form: Any) -> TestResponse:
    return provider.post("/token", {"grant_type": GRANT, "assertion": assertion, **form}, app)


@pytest.mark.spec("RFC 7523", "2.1")
@pytest.mark.parametrize("audience", [ISSUER, f"{ISSUER}/token"])
def test_an_assertion_is_worth_a_token_of_a_session(alone: Provider, audience: str) -> None:
    app = trusting(alone)
    answer = answered(present(alone, app, word(alone, aud=audience)))
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}
    claims = claims_of(answer["access_token"])
    assert (claims["sub"], claims["aud"], claims["scope"]) == (str(alone.person().id), API, "photos:read")
    assert UUID(claims["sid"])
    assert not {"acr", "amr", "auth_time"} & set(claims), "nobody has signed in (RFC 9470)"
    assert alone.active(app, answer["access_token"])


@pytest.mark.promise("P1")
def test_it_is_listed_ends_and_does_not_grow(alone: Provider) -> None:
    app, browser = trusting(alone), alone.sign_in()
    first, second = (answered(present(alone, app, word(alone)))["access_token"] for _ in range(2))
    assert claims_of(first)["sid"] == claims_of(second)["sid"]
    assert "Robot" in alone.visit(browser, "/account/sessions").text
    with alone.stores.work():
        alone.services.sessions.end_session(WholeUser(alone.person().id), EndReason.ADMINISTRATOR, by="operator")
    assert not alone.active(app, first)
    third = answered(present(alone, app, word(alone)))["access_token"]
    assert claims_of(third)["sid"] != claims_of(first)["sid"]
    assert not alone.active(app, second)


@pytest.mark.spec("RFC 7523", "3")
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://stranger.example"}, {"iss": None}, {"sub": None}, {"sub": "nobody@example.com"}, {"sub": 7},
        {"sub": "a\0b"}, {"aud": None}, {"aud": "https://other.example"}, {"aud": [ISSUER, "https://other.example"]},
        {"exp": None}, {"exp": 1}, {"exp": 2**40}, {"jti": None}, {"nbf": 2**40}, {"key": STRANGER},
    ],
)  # fmt: skip
def test_whatever_is_wrong_is_invalid_grant(provider: Provider, changes: dict[str, Any]) -> None:
    found = [item.issuer for item in provider.services.trusted_issuers.list()]
    app = _APPS.setdefault(id(provider), trusting(provider)) if not found else _APPS[id(provider)]
    refused(present(provider, app, word(provider, **changes)), 400, "invalid_grant")


_APPS: dict[int, App] = {}


@pytest.mark.parametrize("assertion", ["", "junk", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "a" * 8000])
def test_what_is_no_assertion(provider: Provider, assertion: str) -> None:
    app = provider.register(redirect_uris=[], grant_types=[GRANT])
    refused(present(provider, app, assertion), 400, "invalid_grant" if assertion else "invalid_request")


@pytest.mark.promise("P4")
def test_it_is_used_once(alone: Provider) -> None:
    app = trusting(alone)
    assertion = word(alone)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: present(alone, app, assertion).status_code, range(8)))
    assert sorted(answers) == [200] + [400] * 7


def test_a_race_of_several_makes_one_session(alone: Provider) -> None:
    app = trusting(alone)
    words = [word(alone) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: answered(present(alone, app, text)), words))
    assert len({claims_of(answer["access_token"])["sid"] for answer in answers}) == 1


def test_only_for_its_clients_and_its_scopes(alone: Provider) -> None:
    app = trusting(alone)
    other = alone.register(redirect_uris=[], grant_types=[GRANT])
    alone.consent(alone.person(), other, "photos:read")
    refused(present(alone, other, word(alone)), 400, "invalid_grant")
    refused(present(alone, alone.register(), word(alone)), 400, "unauthorized_client")
    refused(present(alone, app, word(alone), scope="photos:write"), 400, "invalid_scope")
    refused(present(alone, app, word(alone), scope="openid"), 400, "invalid_scope")
    assert answered(present(alone, app, word(alone), scope="photos:read"))["scope"] == "photos:read"


def test_a_person_who_has_not_consented_or_may_not_sign_in(alone: Provider) -> None:
    app = trusting(alone, consent=False)
    refused(present(alone, app, word(alone)), 400, "invalid_grant")
    alone.consent(alone.person(), app, "photos:read")
    assert answered(present(alone, app, word(alone)))
    with alone.stores.work():
        alone.services.accounts.disable(alone.person())
    refused(present(alone, app, word(alone)), 400, "invalid_grant")


def test_an_address_that_nobody_has_confirmed_names_nobody(alone: Provider) -> None:
    app = trusting(alone)
    with alone.stores.work():
        eve = alone.services.accounts.create("eve@works.example", PASSWORD, {"name": "Eve"}, email_verified=False)
    alone.consent(eve, app, "photos:read")
    refused(present(alone, app, word(alone, sub="eve@works.example")), 400, "invalid_grant")


def test_our_own_id_of_a_person(alone: Provider) -> None:
    app = trusting(alone, subject="id")
    refused(present(alone, app, word(alone)), 400, "invalid_grant")
    assert answered(present(alone, app, word(alone, sub=str(alone.person().id))))


def test_an_issuer_that_is_trusted_no_more(alone: Provider) -> None:
    app = trusting(alone)
    with alone.stores.work():
        alone.services.trusted_issuers.delete(WORKS)
    refused(present(alone, app, word(alone)), 400, "invalid_grant")


@pytest.mark.promise("P1")
def test_whoever_disables_a_trusted_client_waits_for_what_is_being_earned(both: Provider) -> None:
    """There is no consent and no code to wait for: what it earns meanwhile would live again once it is enabled."""
    user = both.person()
    app = trusting(both, consent=False, subject="id", trusted=True)
    issuer = both.services.trusted_issuers.find(WORKS, app.client)
    assert issuer is not None
    earn = partial(both.services.trusted_issuers.redeem, issuer, app.client, str(user.id))
    until = both.clock.now() + timedelta(minutes=5)
    with ThreadPoolExecutor(1) as pool:
        with both.stores.work():
            earned = earn(b"1", until, None)
            disabling = pool.submit(disable, both, app)
            wait([disabling], timeout=0.3)
        disabling.result(10)
    assert earned.sid is not None
    assert not both.stores.client_sessions.liveness(earned.sid, both.clock.now()).live
    with pytest.raises(ProtocolError, match="invalid_grant"), both.stores.work():
        earn(b"2", until, None)
    with both.stores.work():
        both.services.clients.enable(app.id)
    assert not both.stores.client_sessions.liveness(earned.sid, both.clock.now()).live


def disable(provider: Provider, app: App) -> None:
    with provider.stores.work():
        provider.services.clients.disable(app.id)


@pytest.mark.spec("RFC 7523", "3.1")
def test_not_for_public_clients(alone: Provider) -> None:
    app = trusting(alone, token_endpoint_auth_method="none")
    refused(present(alone, app, word(alone)), 400, "unauthorized_client")
