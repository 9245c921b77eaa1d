"""Valid requests of programs, and what leaks of the victim thrown at the same endpoints."""

from __future__ import annotations

import json

from .signing import JWK
from .wire import BASIC, FORM, SELF, SERVICE, Pairs, Throw

AUTHORIZE = (
    ("response_type", "code"), ("client_id", "{mallory.client_id}"), ("redirect_uri", "{callback}"),
    ("scope", "openid profile"), ("state", "s"), ("nonce", "n"), ("code_challenge", "{challenge}"),
    ("code_challenge_method", "S256"),
)  # fmt: skip
DETAILS = '[{"type":"payment","locations":["{api}"],"amount":{"currency":"EUR","value":["1","2"]}}]'
UNSIGNED = "eyJhbGciOiJub25lIn0.eyJjbGllbnRfaWQiOiJ4IiwicmVzcG9uc2VfdHlwZSI6ImNvZGUifQ."
_CLIENT = json.dumps({
    "client_name": "Fuzz", "redirect_uris": ["https://f.example/cb"], "scope": "openid", "contacts": ["a@b.example"],
    "grant_types": ["authorization_code", "refresh_token"], "client_uri": "https://f.example",
})  # fmt: skip
_REPLACED = json.dumps(
    {"client_id": "{mallory.client_id}", "client_name": "N", "redirect_uris": ["https://f.example/"]}
)
_STATED = json.dumps({"software_statement": "{voucher.statement}", "redirect_uris": ["https://f.example/cb"]})
EVERYTHING = json.dumps({
    "client_name": "All", "client_name#de": "Alles", "redirect_uris": ["https://f.example/cb"],
    "subject_type": "pairwise", "sector_identifier_uri": "https://f.example/sector.json",
    "id_token_signed_response_alg": "RS256", "userinfo_signed_response_alg": "RS256",
    "introspection_signed_response_alg": "RS256", "authorization_signed_response_alg": "RS256",
    "request_object_signing_alg": "ES256", "request_uris": ["https://f.example/object.jwt"],
    "require_signed_request_object": True, "require_pushed_authorization_requests": True,
    "dpop_bound_access_tokens": True, "default_max_age": 60, "default_acr_values": ["aal1"],
    "require_auth_time": True, "initiate_login_uri": "https://f.example/start",
    "frontchannel_logout_uri": "https://f.example/out", "frontchannel_logout_session_required": True,
    "backchannel_logout_uri": "https://f.example/back", "backchannel_logout_session_required": True,
    "post_logout_redirect_uris": ["https://f.example/bye"], "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_signing_alg": "ES256", "response_modes": ["jwt"], "application_type": "web",
    "authorization_details_types": ["payment"], "logo_uri": "https://f.example/l.png",
    "tos_uri": "https://f.example/tos", "policy_uri": "https://f.example/policy", "software_id": "s",
    "software_version": "1", "response_types": ["code"], "jwks": {"keys": [JWK]},
})  # fmt: skip
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_CIBA = "urn:openid:params:grant-type:ciba"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_ASSERTED = (
    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
    ("client_assertion", "{signer.assertion}"),
)  # fmt: skip
_OWN_REGISTRATION = (("Authorization", "Bearer {mallory.registration_token}"),)
_AT_CLIENT = (("client_id", "{mallory.client_id}"),)
PROOF = (("DPoP", "{proof}"),)


def post(
    path: str, *fields: tuple[str, str], headers: Pairs = (), expect: int | None = None, query: Pairs = ()
) -> Throw:  # fmt: skip
    """A form."""
    return Throw("POST", path, fields, headers, query, content_type=FORM, expect=expect)


def get(path: str, *query: tuple[str, str], headers: Pairs = (), expect: int | None = None) -> Throw:
    """An address."""
    return Throw("GET", path, (), headers, query, expect=expect)


def _send(method: str, path: str, document: str, headers: Pairs = (), expect: int | None = None) -> Throw:
    return Throw(method, path, (), headers, raw=document.encode(), content_type="application/json", expect=expect)


def _token(grant_type: str, *fields: tuple[str, str], headers: Pairs = BASIC, expect: int | None = None) -> Throw:
    return post("/token", ("grant_type", grant_type), *fields, headers=headers, expect=expect)


def _code(name: str, *more: tuple[str, str]) -> Pairs:
    return (("code", name), ("redirect_uri", "{callback}"), ("code_verifier", "{verifier}"), *more)


AUTHORIZATION = (
    get("/authorize", *AUTHORIZE, headers=SELF, expect=303),
    get("/authorize", *AUTHORIZE, ("prompt", "none"), ("max_age", "60"), ("claims",
        '{"userinfo":{"email":{"essential":true}},"id_token":{"acr":{"values":["aal1"]},"sub":{"value":"x"}}}'),
        expect=303),
    get("/authorize", *AUTHORIZE, ("id_token_hint", "{victim.id_token}"), ("resource", "{api}"), headers=SELF,
        expect=303),
    get("/authorize", *AUTHORIZE, ("ui_locales", "de en"), ("acr_values", "aal2"), ("display", "page"),
        ("login_hint", "{victim.email}"), ("prompt", "select_account consent"), ("claims_locales", "de"),
        headers=SELF, expect=303),
    get("/authorize", *AUTHORIZE, ("prompt", "create"), headers=SELF, expect=303),
    post("/authorize", *AUTHORIZE, expect=303),
    get("/authorize", *AUTHORIZE, ("response_mode", "form_post"), headers=SELF, expect=200),
    get("/authorize", *AUTHORIZE, ("response_mode", "form_post.jwt"), headers=SELF, expect=200),
    get("/authorize", *AUTHORIZE, ("response_mode", "fragment.jwt"), ("authorization_details", DETAILS), expect=303),
    get("/authorize", *AUTHORIZE, ("response_mode", "jwt"), ("dpop_jkt", "{challenge}"), headers=SELF, expect=303),
    get("/authorize", *AUTHORIZE, ("request", "{victim.id_token}"), headers=SELF),
    get("/authorize", *AUTHORIZE, ("registration", "{}")),
    get("/authorize", *_AT_CLIENT, ("request", UNSIGNED)),
    get("/authorize", *_AT_CLIENT, ("request", "{mallory.object}"), headers=SELF, expect=303),
    get("/authorize", ("client_id", "{signer.client_id}"), ("request", "{signer.object}"), headers=SELF, expect=303),
    get("/authorize", *_AT_CLIENT, ("request_uri", "{stranger}/object.jwt"), headers=SELF, expect=303),
    get("/authorize", *_AT_CLIENT, ("request_uri", "{mallory.reference}"), headers=SELF, expect=303),
    get("/authorize", *_AT_CLIENT, ("request_uri", "{victim.reference}"), headers=SELF),
    get("/authorize", *_AT_CLIENT, ("redirect_uri", "{callback}"),
        ("request_uri", "urn:ietf:params:oauth:request_uri:{challenge}"), headers=SELF),
    get("/authorize", *_AT_CLIENT, ("request_uri", "https://127.0.0.1/x#y")),
    get("/authorize", ("client_id", "{client.url}"), ("redirect_uri", "{stranger}/cb"), ("response_type", "code"),
        *AUTHORIZE[3:], headers=SELF, expect=303),
    get("/authorize", ("client_id", "https://127.0.0.1/client.json"), *AUTHORIZE[2:], headers=SELF),
    get("/authorize/error", ("error", "invalid_request"), ("parameter", "prompt"),
        ("rule", "OpenID Connect Core 3.1.2.1, RFC 6749 4.1.2.1"), expect=200),
    get("/authorize/resume", ("interaction", "{mallory.interaction}"), headers=SELF, expect=303),
    post("/par", *AUTHORIZE, headers=BASIC, expect=201),
    post("/par", *AUTHORIZE, ("authorization_details", DETAILS), ("response_mode", "jwt"), headers=BASIC, expect=201),
    post("/par", *AUTHORIZE, headers=(*BASIC, ("DPoP", "{proof.par}")), expect=201),
    post("/par", ("request", "{mallory.object}"), headers=BASIC, expect=201),
    post("/par", ("client_id", "{signer.client_id}"), ("request", "{signer.object}"), *_ASSERTED, expect=201),
    post("/par", ("request", "{mallory.id_token}"), headers=BASIC),
    post("/par", ("client_id", "{victim.client_id}"), ("client_secret", "{mallory.secret}"), ("request", UNSIGNED)),
)  # fmt: skip

TOKENS = (
    _token("authorization_code", *_code("{mallory.code}"), expect=200),
    _token("authorization_code", *_code("{mallory.code}"), headers=(*BASIC, *PROOF), expect=200),
    _token("authorization_code", *_code("{mallory.bound_code}", ("client_id", "{native.client_id}")), headers=PROOF,
           expect=200),
    _token("authorization_code", *_code("{victim.code}")),
    _token("authorization_code", *_code("{victim.code}", ("client_id", "{victim.client_id}")), headers=()),
    _token("refresh_token", ("refresh_token", "{mallory.refresh_token}"), expect=200),
    _token("refresh_token", ("refresh_token", "{mallory.refresh_token}"), headers=(*BASIC, *PROOF), expect=200),
    _token("refresh_token", ("refresh_token", "{mallory.bound_refresh_token}"), ("client_id", "{native.client_id}"),
           headers=PROOF, expect=200),
    _token("refresh_token", ("refresh_token", "{victim.refresh_token}")),
    _token("refresh_token", ("refresh_token", "{victim.refresh_token}"), ("client_id", "{victim.client_id}"),
           ("client_secret", "{mallory.secret}"), ("scope", "openid"), headers=()),
    _token("client_credentials", ("scope", "notes.read"), ("resource", "{api}"), headers=SERVICE, expect=200),
    _token("client_credentials", ("scope", "notes.read"), ("resource", "{api}")),
    _token("client_credentials", *_ASSERTED, ("scope", "notes.read"), headers=(), expect=200),
    _token("client_credentials", *_ASSERTED[:1], ("client_assertion", "{mallory.id_token}"), headers=()),
    _token("client_credentials", ("client_id", "{mallory.client_id}"), ("scope", "notes.read"),
           ("authorization_details", DETAILS)),
    _token(_DEVICE, ("device_code", "{mallory.device_code}")),
    _token(_DEVICE, ("device_code", "{mallory.approved_code}"), expect=200),
    _token(_DEVICE, ("device_code", "{victim.device_code}")),
    _token(_CIBA, ("auth_req_id", "{mallory.auth_req_id}"), headers=SERVICE, expect=200),
    _token(_CIBA, ("auth_req_id", "{mallory.waiting}"), headers=SERVICE),
    _token(_CIBA, ("auth_req_id", "{victim.auth_req_id}"), headers=SERVICE),
    _token(_EXCHANGE, ("subject_token", "{mallory.access_token}"), ("subject_token_type", _ACCESS_TOKEN),
           ("audience", "{api}"), ("scope", "notes.read"), headers=SERVICE),
    _token(_EXCHANGE, ("subject_token", "{victim.access_token}"), ("subject_token_type", _ACCESS_TOKEN),
           ("actor_token", "{mallory.access_token}"), ("actor_token_type", _ACCESS_TOKEN),
           ("requested_token_type", _ACCESS_TOKEN), ("audience", "{api}")),
    _token(_BEARER, ("assertion", "{voucher.assertion}"), ("scope", "notes.read"), headers=SERVICE, expect=200),
    _token(_BEARER, ("assertion", "{mallory.object}"), ("scope", "notes.read")),
    _token("password", ("username", "{victim.email}"), ("password", "{password}")),
    post("/device_authorization", ("scope", "openid"), ("resource", "{api}"), headers=BASIC, expect=200),
    post("/bc-authorize", ("scope", "openid"), ("login_hint", "{mallory.email}"), ("binding_message", "W4"),
         ("requested_expiry", "60"), ("acr_values", "aal1"), ("resource", "{api}"), headers=SERVICE, expect=200),
    post("/bc-authorize", ("scope", "openid"), ("login_hint", "{victim.email}"), headers=SERVICE),
    post("/bc-authorize", ("scope", "openid"), ("id_token_hint", "{victim.id_token}"), headers=SERVICE),
    post("/bc-authorize", ("scope", "openid"), ("login_hint_token", "{victim.id_token}"), ("user_code", "1"),
         headers=SERVICE),
    post("/bc-authorize", ("request", "{signer.asked}"), *_ASSERTED, expect=200),
    post("/bc-authorize", ("scope", "openid"), ("login_hint", "{mallory.email}"), headers=BASIC),
    post("/introspect", ("token", "{victim.access_token}"), ("token_type_hint", "access_token"), headers=BASIC,
         expect=200),
    post("/introspect", ("token", "{mallory.refresh_token}"), headers=BASIC, expect=200),
    post("/introspect", ("token", "{mallory.access_token}"),
         headers=(*BASIC, ("Accept", "application/token-introspection+jwt")), expect=200),
    post("/revoke", ("token", "{victim.refresh_token}"), headers=BASIC),
    post("/revoke", ("token", "{victim.access_token}"), headers=BASIC),
    post("/revoke", ("token", "{mallory.access_token}"), ("token_type_hint", "refresh_token"), headers=BASIC,
         expect=200),
    get("/userinfo", headers=(("Authorization", "Bearer {victim.access_token}"),), expect=200),
    get("/userinfo", headers=(("Authorization", "DPoP {mallory.bound_token}"), ("DPoP", "{proof.userinfo}")),
        expect=200),
    post("/userinfo", ("access_token", "{mallory.access_token}"), expect=200),
    get("/revocations", ("after", "0"), ("wait", "0"), headers=(("Authorization", "Bearer {follower.token}"),),
        expect=200),
    get("/revocations", headers=(("Authorization", "Bearer {follower.token}"),), expect=200),
    get("/revocations", headers=(("Authorization", "Bearer {mallory.access_token}"),)),
)  # fmt: skip

REGISTRATION = (
    _send("POST", "/register", _CLIENT, expect=201),
    _send("POST", "/register", EVERYTHING, expect=201),
    _send("POST", "/register", _STATED, expect=201),
    get("/register/{mallory.client_id}", headers=_OWN_REGISTRATION, expect=200),
    _send("PUT", "/register/{mallory.client_id}", _REPLACED, _OWN_REGISTRATION, expect=200),
    _send("PUT", "/register/{victim.client_id}", _REPLACED, _OWN_REGISTRATION),
    Throw("DELETE", "/register/{victim.client_id}", headers=_OWN_REGISTRATION),
    Throw("DELETE", "/register/{mallory.client_id}", headers=_OWN_REGISTRATION, expect=204),
)  # fmt: skip

DOCUMENTS = (
    get("/.well-known/openid-configuration", headers=(("If-None-Match", '"x"'),), expect=200),
    get("/.well-known/oauth-authorization-server", expect=200),
    get("/.well-known/jwks.json", headers=(("If-None-Match", "*"), ("Origin", "https://spa.example")), expect=304),
    get("/healthz", expect=200),
    get("/readyz", expect=200),
    *(
        Throw("OPTIONS", path, headers=(("Origin", "https://spa.example"), ("Access-Control-Request-Method", "POST")),
              expect=204)
        for path in ("/token", "/userinfo", "/revoke", "/par", "/.well-known/jwks.json",
                     "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
    ),
)  # fmt: skip
