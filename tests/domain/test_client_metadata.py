"""What may be registered (RFC 7591, OpenID Connect Registration, RFC 8252)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from idp.domain.client import AuthMethod, GrantType
from idp.domain.client_metadata import ClientMetadata, check
from idp.domain.metadata_members import MetadataProblem

WEB = {"redirect_uris": ["https://photos.example/callback"]}
NATIVE = {"application_type": "native", "token_endpoint_auth_method": "none"}
KEY = {"kty": "RSA", "n": "x", "e": "AQAB"}


def checked(key_ok: bool = True, /, **members: Any) -> ClientMetadata:
    return check({**WEB, **members}, lambda _key: key_ok)


def problem(document: Mapping[str, Any], key_ok: bool = True) -> str:
    with pytest.raises(MetadataProblem) as caught:
        check(document, lambda _key: key_ok)
    return caught.value.code


@pytest.mark.spec("RFC 7591", "2")
def test_what_is_not_said_has_its_default() -> None:
    plain = checked()
    assert plain.grant_types == (GrantType.AUTHORIZATION_CODE,)
    assert plain.token_endpoint_auth_method is AuthMethod.BASIC
    assert plain.application_type == "web"
    assert plain.scope is None


@pytest.mark.spec("RFC 7591", "2")
@pytest.mark.parametrize("empty", [None, "", [], {}])
@pytest.mark.parametrize(
    "member",
    ["client_name", "scope", "logo_uri", "jwks", "jwks_uri", "contacts", "post_logout_redirect_uris",
     "token_endpoint_auth_method", "application_type", "software_id", "response_types", "initiate_login_uri"],
)  # fmt: skip
def test_null_and_empty_members_count_as_not_sent(member: str, empty: object) -> None:
    assert checked(**{member: empty}) == checked()


def test_what_a_client_may_not_say_of_itself_is_dropped() -> None:
    """Mass assignment (ASVS 15.3.3)."""
    sent: dict[str, Any] = {
        "client_id": "admin", "client_secret": "s", "trusted": True, "skip_consent": True, "pkce_required": False,
        "require_pkce": False, "is_admin": True, "owner": "x", "refresh_grace": 300, "origin": "operator",
        "access_token_life": 9, "secret_hash": "x", "disabled_at": None, "unknown": {"deep": [1]},
    }  # fmt: skip
    assert checked(**sent) == checked()


BAD_URIS = [
    "javascript:alert(1)", "javascript://photos.example/%0aalert(1)", "data:text/html,x", "file:///etc/passwd",
    "vbscript:x", "about:blank", "blob:https://photos.example/x", "ftp://photos.example/", "/callback", "callback",
    "", "//photos.example/callback", "https:photos.example", "https://", "https:///callback",
    "http://photos.example/callback", "http://192.0.2.1/callback", "http://127.0.0.1.evil.example/callback",
    "http://0.0.0.0/callback", "http://localhost.evil.example/", "https://photos.example/callback#fragment",
    "https://photos.example/callback#", "https://user@photos.example/", "https://user:pw@photos.example/",
    "https://@photos.example/", "https://photos.example:443@evil.example/", "https://*.photos.example/callback",
    "https://photos.example/call back", "https://photos.example/\ncallback", "https://photos.example/\tcallback",
    "https://photos.example/\0", "https://photos.example/é", "https://photos.example\\@evil.example/",
    "https://photos.example/<script>", 'https://photos.example/"', "https://[::1", "https://photos.example:99999/",
    "https://photos.example:port/", "https://photos.example/" + "a" * 2000, "com.example.app:/callback", "app:/cb",
]  # fmt: skip


@pytest.mark.spec("RFC 9700", "2.1")
@pytest.mark.parametrize("uri", BAD_URIS)
def test_a_web_app_cannot_register(uri: str) -> None:
    assert problem({"redirect_uris": [uri]}) == "invalid_redirect_uri"
    assert problem({"redirect_uris": [*WEB["redirect_uris"], uri]}) == "invalid_redirect_uri"


@pytest.mark.parametrize("uri", [uri for uri in BAD_URIS if uri])
def test_nor_as_the_place_to_go_after_signing_out(uri: str) -> None:
    assert problem({**WEB, "post_logout_redirect_uris": [uri]}) == "invalid_client_metadata"


@pytest.mark.spec("RFC 8252", "7")
@pytest.mark.parametrize(
    "uri",
    ["com.example.app:/callback", "com.example.app://callback", "http://127.0.0.1/cb", "http://127.0.0.1:51004/cb",
     "http://[::1]/cb", "http://localhost:3000/cb", "https://app.example/cb"],
)  # fmt: skip
def test_a_native_app_can_register(uri: str) -> None:
    assert check({**NATIVE, "redirect_uris": [uri]}, lambda _key: True).redirect_uris == (uri,)


@pytest.mark.spec("RFC 8252", "7.1")
@pytest.mark.parametrize(
    "uri", ["app:/callback", "myapp://callback", "javascript:x", "data:,x", "http://app.example/cb", "file:///x",
            "com.example.app:/cb#f", "com.example.app://u@callback"],
)  # fmt: skip
def test_a_native_app_cannot_register(uri: str) -> None:
    assert problem({**NATIVE, "redirect_uris": [uri]}) == "invalid_redirect_uri"


@pytest.mark.spec("RFC 7591", "2")
def test_an_app_without_people_needs_no_redirect_uri() -> None:
    for uris in ([], None):
        assert check({"redirect_uris": uris, "grant_types": ["client_credentials"]}, lambda _key: True).grant_types == (
            GrantType.CLIENT_CREDENTIALS,
        )
    assert problem({"redirect_uris": []}) == "invalid_redirect_uri"
    assert problem({}) == "invalid_redirect_uri"


@pytest.mark.parametrize(
    "members",
    [
        {"grant_types": ["implicit"]}, {"grant_types": ["password"]}, {"grant_types": ["authorization_code", "x"]},
        {"grant_types": "authorization_code"}, {"grant_types": [["authorization_code"]]}, {"grant_types": [1]},
        {"grant_types": {"$ne": 1}}, {"grant_types": ["refresh_token"]},
        {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"},
        {"response_types": ["token"]}, {"response_types": ["code", "id_token"]}, {"response_types": "code"},
        {"response_types": ["code"], "grant_types": ["client_credentials"]},
        {"token_endpoint_auth_method": "client_secret_jwt"}, {"token_endpoint_auth_method": "NONE"},
        {"token_endpoint_auth_method": ["none"]}, {"token_endpoint_auth_method": 1},
        {"token_endpoint_auth_method": "private_key_jwt"}, {"token_endpoint_auth_method": "tls_client_auth"},
        {"token_endpoint_auth_signing_alg": "none"}, {"token_endpoint_auth_signing_alg": "HS256"},
        {"id_token_signed_response_alg": "none"}, {"id_token_signed_response_alg": "HS256"},
        {"subject_type": "personal"}, {"application_type": "desktop"}, {"application_type": ["web"]},
        {"client_name": 1}, {"client_name": "x" * 257}, {"client_name": "Pho\u202etos"}, {"client_name": "a\0b"},
        {"client_name": "a\nb"}, {"client_name": ["x"]}, {"scope": 7}, {"scope": ["openid"]}, {"scope": 'a"b'},
        {"scope": "a\tb"}, {"scope": "x" * 2001}, {"jwks": "string"}, {"jwks": 3}, {"jwks": {"keys": {}}},
        {"jwks": {"keys": [1]}}, {"jwks": {"keys": [KEY] * 21}}, {"jwks": {"keys": [{"kty": "oct", "k": "x"}]}},
        {"jwks": {"keys": [{**KEY, "d": "secret"}]}}, {"jwks": {"keys": [{"kty": ["RSA"]}]}}, {"jwks": {"x": 1}},
        {"jwks": {"keys": [KEY]}, "jwks_uri": "https://photos.example/jwks"}, {"jwks_uri": "http://photos.example/"},
        {"jwks_uri": "file:///etc/passwd"}, {"jwks_uri": 1}, {"logo_uri": "javascript:alert(1)"},
        {"client_uri": "http://photos.example"}, {"tos_uri": "data:,x"}, {"policy_uri": "https://u@photos.example"},
        {"logo_uri": "https://"}, {"client_uri#de": "javascript:x"}, {"contacts": "ada@example.com"},
        {"contacts": [{"$gt": ""}]}, {"default_max_age": "3"}, {"default_max_age": -1},
        {"default_max_age": True}, {"default_max_age": 1.5}, {"initiate_login_uri": "http://localhost/x"},
        {"post_logout_redirect_uris": "https://photos.example/"}, {"userinfo_signed_response_alg": "none"},
        {"id_token_encrypted_response_alg": "RSA-OAEP"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_invalid_client_metadata(members: dict[str, Any]) -> None:
    assert problem({**WEB, **members}) == "invalid_client_metadata"


@pytest.mark.spec("RFC 7591", "3.2.2")
def test_a_software_statement_is_kept_as_it_came() -> None:
    """Whether it counts was decided where it came in (``rfc7591_software_statement``)."""
    assert check({**WEB, "software_statement": "eyJ"}, lambda _key: True).rest["software_statement"] == "eyJ"
    for wrong in (7, ["eyJ"], "x" * 8193):
        assert problem({**WEB, "software_statement": wrong}) == "invalid_software_statement"


@pytest.mark.parametrize("uris", ["https://photos.example/callback", [1], [None], [["x"]], {}, 7, [{"$ne": ""}]])
def test_redirect_uris_of_a_wrong_type_are_invalid_redirect_uri(uris: object) -> None:
    assert problem({"redirect_uris": uris}) == "invalid_redirect_uri"


def test_there_are_limits() -> None:
    many = [f"https://photos.example/{number}" for number in range(21)]
    assert problem({"redirect_uris": many}) == "invalid_redirect_uri"
    assert len(check({"redirect_uris": many[:20]}, lambda _key: True).redirect_uris) == 20
    assert problem({"redirect_uris": many[:1], "client_name": "x" * 257}) == "invalid_client_metadata"
    named = check({"redirect_uris": many[:1], "client_name": "x" * 256}, lambda _key: True)
    assert named.client_name == "x" * 256


def test_a_weak_key_is_refused() -> None:
    assert problem({**WEB, "jwks": {"keys": [KEY]}}, key_ok=False) == "invalid_client_metadata"
    assert checked(jwks={"keys": [KEY]}).jwks == {"keys": [KEY]}


@pytest.mark.spec("RFC 7591", "2.2")
def test_names_and_links_in_other_languages_are_kept() -> None:
    made = checked(**{"client_name": "Photos", "client_name#de": "Fotos", "tos_uri#de-AT": "https://p.example/agb"})
    assert made.rest == {"client_name#de": "Fotos", "tos_uri#de-AT": "https://p.example/agb"}
    assert checked(**{"client_name#<x>": "Fotos"}).rest == {}
