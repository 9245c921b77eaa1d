"""ID tokens (OpenID Connect Core 2, 3.1.3.6, 3.1.3.7, 5.5)."""

from __future__ import annotations

import hashlib

import pytest

from idp.errors import ProtocolError, TokenRejected
from idp.oidc.backchannel_logout import BackchannelLogout
from idp.oidc.core_id_token import IdTokens
from idp.outgoing import Outgoing

from ..builders import a_message
from ..provider import ISSUER, App, Browser, Provider, answered, at_hash, b64url, claims_of, header_of, sent_back


@pytest.fixture(scope="module")
def app(provider: Provider) -> App:
    return provider.register()


@pytest.fixture(scope="module")
def ada(provider: Provider) -> Browser:
    return provider.sign_in()


@pytest.mark.spec("OpenID Connect Core 1.0", "2")
@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.3.6")
def test_what_it_says(provider: Provider, app: App, ada: Browser) -> None:
    """authlib.md matrix: ``kid`` named, ``aud`` one string, ``auth_time`` the sign-in's, no ``alg: none``."""
    assert ada.user
    assert ada.session
    with provider.clock.later(120):
        tokens = provider.tokens(app, ada, scope="openid profile email", nonce="n-0S6_WzA2Mj")
    token, claims = tokens["id_token"], claims_of(tokens["id_token"])
    active = next(key for key in provider.services.keys.list() if key.state == "active" and key.alg == "RS256")
    assert header_of(token) == {"alg": "RS256", "kid": active.kid, "typ": "JWT"}
    assert claims.pop("exp") - claims["iat"] == 900
    assert claims.pop("iat") >= claims["auth_time"] + 119
    assert claims == {
        "iss": ISSUER, "sub": str(ada.user.id), "aud": app.id, "nonce": "n-0S6_WzA2Mj",
        "auth_time": int(ada.session.auth_time.timestamp()), "acr": "aal1", "amr": ["pwd"],
        "sid": claims_of(tokens["access_token"])["sid"], "at_hash": at_hash(tokens["access_token"]),
    }  # fmt: skip


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.1")
@pytest.mark.parametrize("nonce", [None, "n", "a b&c\u00e9", "x" * 2000])
def test_the_nonce_is_echoed_unaltered_and_never_judged(
    provider: Provider, app: App, ada: Browser, nonce: str | None
) -> None:
    """authlib.md trap 28: the same nonce twice is no attack on us."""
    for _ in range(2):
        claims = claims_of(provider.tokens(app, ada, nonce=nonce)["id_token"])
        assert claims.get("nonce") == nonce


def test_one_code_one_nonce(provider: Provider, app: App, ada: Browser) -> None:
    codes = [provider.code(app, ada, nonce=nonce) for nonce in ("one", "two")]
    found = [claims_of(answered(provider.redeem(app, code))["id_token"])["nonce"] for code in codes]
    assert found == ["one", "two"]


@pytest.mark.spec("OpenID Connect Core 1.0", "5.5")
def test_claims_asked_for_come_along_and_cannot_pose_as_others(provider: Provider, app: App, ada: Browser) -> None:
    asked = '{"id_token":{"email":{"essential":true},"name":null,"iss":{"value":"x"},"sid":null,"aud":{"value":"y"}}}'
    claims = claims_of(provider.tokens(app, ada, claims=asked)["id_token"])
    assert (claims["email"], claims["name"]) == ("ada@example.com", "Ada Lovelace")
    assert (claims["iss"], claims["aud"]) == (ISSUER, app.id)


def test_a_second_app_in_the_same_session_has_a_sid_of_its_own(provider: Provider, app: App, ada: Browser) -> None:
    other = provider.register("Other")
    one, again = (claims_of(provider.tokens(app, ada)["id_token"])["sid"] for _ in range(2))
    assert one == again
    assert claims_of(provider.tokens(other, ada)["id_token"])["sid"] != one


@pytest.mark.spec("RFC 8725", "3.11")
def test_only_an_id_token_of_ours_is_a_hint(provider: Provider, app: App, ada: Browser) -> None:
    tokens = provider.tokens(app, ada)
    reader = IdTokens(ISSUER, 900, provider.services.keys, provider.stores.users, provider.clock)
    assert reader.read_hint(tokens["id_token"])["aud"] == app.id
    with provider.clock.later(86400):
        assert reader.read_hint(tokens["id_token"])["aud"] == app.id
    for wrong in (tokens["access_token"], tokens["id_token"] + "=", "x", tokens["refresh_token"]):
        with pytest.raises(TokenRejected):
            reader.read_hint(wrong)


# ── signed as the client chose ────────────────────────────────────────────────────────────────────


@pytest.mark.spec("OpenID Connect Dynamic Client Registration 1.0", "2")
@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.3.6")
@pytest.mark.parametrize(("alg", "digest"), [("RS256", "sha256"), ("ES256", "sha256"), ("EdDSA", "sha512")])
def test_the_algorithm_is_the_clients_choice(provider: Provider, ada: Browser, alg: str, digest: str) -> None:
    """``at_hash`` goes with it: EdDSA's hash is SHA-512."""
    app = provider.register(id_token_signed_response_alg=alg)
    tokens = provider.tokens(app, ada, scope="openid offline_access")
    again = answered(provider.refresh(app, tokens["refresh_token"]))
    for answer in (tokens, again):
        header, claims = header_of(answer["id_token"]), claims_of(answer["id_token"])
        assert (header["alg"], header["kid"]) == (alg, provider.services.keys.signer(alg).kid)
        whole = hashlib.new(digest, answer["access_token"].encode()).digest()
        assert claims["at_hash"] == b64url(whole[: len(whole) // 2])
        assert header_of(answer["access_token"])["alg"] == "RS256", "what every resource server can verify"
    assert sent_back(provider.authorize(app, ada, prompt="none", id_token_hint=again["id_token"]))["code"]


def test_an_algorithm_without_keys_cannot_be_chosen(provider: Provider) -> None:
    with pytest.raises(ProtocolError, match="invalid_client_metadata"):
        provider.register(id_token_signed_response_alg="PS256")
    found = answered(provider.get("/.well-known/openid-configuration"))
    assert found["id_token_signing_alg_values_supported"] == ["RS256", "ES256", "EdDSA"]


@pytest.mark.spec("OpenID Connect Back-Channel Logout 1.0", "2.4")
def test_logout_tokens_are_signed_as_id_tokens_are(provider: Provider) -> None:
    """Section 2.6, step 2: the client expects the algorithm that it registered for ID tokens."""
    app = provider.register(id_token_signed_response_alg="EdDSA")
    keys, stores = provider.services.keys, provider.stores
    logout = BackchannelLogout(ISSUER, keys, stores.clients, stores.clock, Outgoing(allow_private=False))
    payload = {"client_id": app.id, "sid": "s", "sub": "u", "uri": "https://photos.example/out"}
    assert header_of(logout.token(a_message(payload=payload)))["alg"] == "EdDSA"
    assert header_of(logout.token(a_message(payload=payload | {"client_id": "deleted since"})))["alg"] == "RS256"
