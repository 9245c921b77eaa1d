"""What is thrown: requests from nothing, and valid requests with something wrong in them.

A strategy cannot know the values of a running provider, so it draws *names* in braces, such as
``{victim.code}``, which are filled in as the request is sent, then damaged.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

FORM = "application/x-www-form-urlencoded"
SELF = (("Cookie", "__Host-idp-session={mallory.session}; __Host-idp-device={mallory.device}"),)
VISITOR = (("Cookie", "__Host-idp-visit={visit}"),)
OURS = (("Sec-Fetch-Site", "same-origin"), ("Origin", "{issuer}"))
BASIC = (("Authorization", "{mallory.basic}"),)


@dataclass(frozen=True)
class Throw:
    """One request with names still in it. ``fields`` is the form, the query of a GET, or a JSON object."""

    method: str
    path: str
    fields: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    content_type: str | None = None
    raw: bytes | None = None


_AUTHORIZE = (
    ("response_type", "code"), ("client_id", "{mallory.client_id}"), ("redirect_uri", "{callback}"),
    ("scope", "openid profile"), ("state", "s"), ("nonce", "n"), ("code_challenge", "{challenge}"),
    ("code_challenge_method", "S256"),
)  # fmt: skip
_CLIENT = json.dumps({
    "client_name": "Fuzz", "redirect_uris": ["https://f.example/cb"], "scope": "openid", "contacts": ["a@b.example"],
    "jwks": {"keys": []}, "grant_types": ["authorization_code", "refresh_token"], "client_uri": "https://f.example",
})  # fmt: skip
_REPLACED = json.dumps(
    {"client_id": "{mallory.client_id}", "client_name": "N", "redirect_uris": ["https://f.example/"]}
)
_CLAIMS = '{"userinfo":{"email":{"essential":true}},"id_token":{"acr":{"values":["aal1"]},"sub":{"value":"x"}}}'
_DETAILS = '[{"type":"payment","locations":["{api}"],"amount":{"currency":"EUR","value":[1,null,true]}}]'
_UNSIGNED = "eyJhbGciOiJub25lIn0.eyJjbGllbnRfaWQiOiJ4IiwicmVzcG9uc2VfdHlwZSI6ImNvZGUifQ."
_TOKEN = (("Content-Type", FORM),)
PROOF = (("DPoP", "{proof}"),)
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
_EVERYTHING = json.dumps({
    "client_name": "All", "redirect_uris": ["https://f.example/cb"], "subject_type": "pairwise",
    "id_token_signed_response_alg": "RS256", "userinfo_signed_response_alg": "RS256",
    "introspection_signed_response_alg": "RS256", "authorization_signed_response_alg": "RS256",
    "request_object_signing_alg": "ES256", "request_uris": ["https://127.0.0.1/o.jwt#x"],
    "require_signed_request_object": True, "require_pushed_authorization_requests": True,
    "dpop_bound_access_tokens": True, "default_max_age": 60, "default_acr_values": ["aal1"],
    "require_auth_time": True, "initiate_login_uri": "https://f.example/start",
    "frontchannel_logout_uri": "https://f.example/out", "frontchannel_logout_session_required": True,
    "tls_client_auth_subject_dn": "CN=f", "backchannel_token_delivery_mode": "ping",
    "backchannel_client_notification_endpoint": "https://f.example/ping",
    "backchannel_authentication_request_signing_alg": "ES256", "response_modes": ["jwt"],
    "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "k", "alg": "ES256"}]},
})  # fmt: skip


def _post(path: str, *fields: tuple[str, str], headers: tuple[tuple[str, str], ...] = ()) -> Throw:
    return Throw("POST", path, fields, headers, content_type=FORM)


SEEDS = (
    Throw("GET", "/authorize", query=_AUTHORIZE, headers=SELF),
    Throw("GET", "/authorize", query=(*_AUTHORIZE, ("prompt", "none"), ("max_age", "60"), ("claims", _CLAIMS))),
    Throw("GET", "/authorize", query=(*_AUTHORIZE, ("id_token_hint", "{victim.id_token}"), ("resource", "{api}")),
          headers=SELF),
    Throw("GET", "/authorize", query=(*_AUTHORIZE, ("ui_locales", "de en"), ("acr_values", "aal2"), ("display", "page"),
          ("login_hint", "{victim.email}"), ("prompt", "select_account consent")), headers=SELF),
    _post("/authorize", *_AUTHORIZE),
    Throw("GET", "/authorize", query=(*_AUTHORIZE, ("response_mode", "form_post")), headers=SELF),
    Throw("GET", "/authorize",
          query=(*_AUTHORIZE, ("response_mode", "fragment.jwt"), ("authorization_details", _DETAILS))),
    Throw("GET", "/authorize", query=(*_AUTHORIZE, ("request", "{victim.id_token}")), headers=SELF),
    Throw("GET", "/authorize", query=(("client_id", "{mallory.client_id}"), ("request", _UNSIGNED))),
    Throw("GET", "/authorize", query=(("client_id", "{mallory.client_id}"), ("redirect_uri", "{callback}"),
          ("request_uri", "urn:ietf:params:oauth:request_uri:{challenge}")), headers=SELF),
    Throw("GET", "/authorize", query=(("client_id", "{mallory.client_id}"), ("request_uri", "https://127.0.0.1/x#y"))),
    Throw("GET", "/authorize/error", query=(("error", "invalid_request"), ("parameter", "prompt"),
          ("rule", "OpenID Connect Core 3.1.2.1, RFC 6749 4.1.2.1"))),
    _post("/par", *_AUTHORIZE, headers=BASIC),
    _post("/par", *_AUTHORIZE, ("authorization_details", _DETAILS), ("response_mode", "jwt"), headers=BASIC),
    _post("/par", ("request", "{mallory.id_token}"), headers=BASIC),
    _post("/par", ("client_id", "{victim.client_id}"), ("client_secret", "{mallory.secret}"), ("request", _UNSIGNED)),
    Throw("GET", "/authorize/resume", query=(("interaction", "{mallory.interaction}"),), headers=SELF),
    _post("/token", ("grant_type", "authorization_code"), ("code", "{mallory.code}"), ("redirect_uri", "{callback}"),
          ("code_verifier", "{verifier}"), headers=BASIC),
    _post("/token", ("grant_type", "authorization_code"), ("code", "{victim.code}"), ("redirect_uri", "{callback}"),
          ("code_verifier", "{verifier}"), headers=BASIC),
    _post("/token", ("grant_type", "authorization_code"), ("code", "{victim.code}"), ("redirect_uri", "{callback}"),
          ("client_id", "{victim.client_id}"), ("code_verifier", "{verifier}")),
    _post("/token", ("grant_type", "refresh_token"), ("refresh_token", "{mallory.refresh_token}"), headers=BASIC),
    _post("/token", ("grant_type", "refresh_token"), ("refresh_token", "{victim.refresh_token}"), headers=BASIC),
    _post("/token", ("grant_type", "refresh_token"), ("refresh_token", "{victim.refresh_token}"),
          ("client_id", "{victim.client_id}"), ("client_secret", "{mallory.secret}"), ("scope", "openid")),
    _post("/token", ("grant_type", "client_credentials"), ("scope", "notes.read"), ("resource", "{api}"),
    headers=BASIC),
    _post("/token", ("grant_type", "client_credentials"), ("client_assertion", "{mallory.id_token}"),
          ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")),
    _post("/introspect", ("token", "{victim.access_token}"), ("token_type_hint", "access_token"), headers=BASIC),
    _post("/introspect", ("token", "{mallory.refresh_token}"), headers=BASIC),
    _post("/revoke", ("token", "{victim.refresh_token}"), headers=BASIC),
    _post("/revoke", ("token", "{victim.access_token}"), headers=BASIC),
    _post("/revoke", ("token", "{mallory.access_token}"), ("token_type_hint", "refresh_token"), headers=BASIC),
    Throw("GET", "/userinfo", headers=(("Authorization", "Bearer {victim.access_token}"),)),
    _post("/userinfo", ("access_token", "{mallory.access_token}")),
    Throw("GET", "/revocations", query=(("after", "0"), ("wait", "5")),
          headers=(("Authorization", "Bearer {mallory.access_token}"),)),
    Throw("POST", "/register", raw=_CLIENT.encode(), content_type="application/json"),
    Throw("GET", "/register/{mallory.client_id}", headers=(("Authorization", "Bearer {mallory.registration_token}"),)),
    Throw("PUT", "/register/{mallory.client_id}", headers=(("Authorization", "Bearer {mallory.registration_token}"),),
          raw=_REPLACED.encode(), content_type="application/json"),
    Throw("PUT", "/register/{victim.client_id}", headers=(("Authorization", "Bearer {mallory.registration_token}"),),
          raw=_REPLACED.encode(), content_type="application/json"),
    Throw("DELETE", "/register/{victim.client_id}",
          headers=(("Authorization", "Bearer {mallory.registration_token}"),)),
    Throw("GET", "/logout", query=(("id_token_hint", "{victim.id_token}"), ("state", "s"),
          ("post_logout_redirect_uri", "{callback}"), ("client_id", "{victim.client_id}")), headers=SELF),
    _post("/logout", ("id_token_hint", "{mallory.id_token}")),
    _post("/logout/confirm", ("csrf_token", "{csrf}"), ("decision", "sign_out"),
          ("transaction", "id_token_hint={victim.id_token}"), headers=(*SELF, *OURS)),
    Throw("GET", "/login", query=(("interaction", "{mallory.interaction}"),)),
    _post("/login", ("csrf_token", "{visit.csrf}"), ("email", "{victim.email}"), ("password", "wrong"),
          ("remember", "yes"), headers=(*VISITOR, *OURS)),
    _post("/login/new", ("csrf_token", "{visit.csrf}"), ("email", "new@example.com"), ("password", "{password} 2"),
          ("name", "N"), headers=(*VISITOR, *OURS)),
    _post("/login/choose", ("csrf_token", "{csrf}"), ("choice", "this"), headers=(*SELF, *OURS)),
    Throw("GET", "/consent", query=(("interaction", "{mallory.interaction}"),), headers=SELF),
    Throw("POST", "/consent", (("csrf_token", "{csrf}"), ("decision", "allow")), (*SELF, *OURS),
          (("interaction", "{mallory.interaction}"),), FORM),
    _post("/account/profile", ("csrf_token", "{csrf}"), ("name", "M"), ("birthdate", "1990"), ("locality", "Lisbon"),
          headers=(*SELF, *OURS)),
    Throw("GET", "/account/sessions", query=(("ended", "{victim.device_id}"),), headers=SELF),
    _post("/account/sessions/{victim.device_id}/end", ("csrf_token", "{csrf}"), headers=(*SELF, *OURS)),
    _post("/account/sessions/others/end", ("csrf_token", "{csrf}"), headers=(*SELF, *OURS)),
    Throw("GET", "/account/sessions/everywhere/end", headers=SELF),
    Throw("POST", "/account/prove", (("csrf_token", "{csrf}"), ("password", "wrong")), (*SELF, *OURS),
          (("to", "end-device"), ("device", "{victim.device_id}")), FORM),
    _post("/account/apps/{victim.client_id}/remove", ("csrf_token", "{csrf}"), headers=(*SELF, *OURS)),
    Throw("GET", "/account/apps/{mallory.client_id}/remove", headers=SELF),
    _post("/account/sign-out", ("csrf_token", "{csrf}"), ("decision", "stay"), headers=(*SELF, *OURS)),
    _post("/par", *_AUTHORIZE, ("dpop_jkt", "{challenge}"), headers=(*BASIC, *PROOF)),
    _post("/par", ("request", "{mallory.object}"), headers=BASIC),
    Throw("GET", "/authorize", query=(("client_id", "{mallory.client_id}"), ("request_uri", "{mallory.reference}")),
          headers=SELF),
    Throw("GET", "/authorize", query=(("client_id", "{mallory.client_id}"), ("request_uri", "{victim.reference}")),
          headers=SELF),
    Throw("GET", "/authorize", query=(*_AUTHORIZE, ("request", "{mallory.object}")), headers=SELF),
    Throw("GET", "/authorize", query=(("client_id", "https://127.0.0.1/client.json"), *_AUTHORIZE[2:]), headers=SELF),
    _post("/device_authorization", ("scope", "openid"), ("resource", "{api}"), headers=BASIC),
    _post("/token", ("grant_type", _DEVICE), ("device_code", "{mallory.device_code}"), headers=BASIC),
    _post("/token", ("grant_type", _DEVICE), ("device_code", "{victim.device_code}"), headers=BASIC),
    Throw("GET", "/device", query=(("user_code", "{mallory.user_code}"),), headers=SELF),
    _post("/device", ("csrf_token", "{csrf}"), ("user_code", "{mallory.user_code}"), headers=(*SELF, *OURS)),
    _post("/device/answer", ("csrf_token", "{csrf}"), ("user_code", "{mallory.user_code}"), ("decision", "allow"),
          headers=(*SELF, *OURS)),
    _post("/bc-authorize", ("scope", "openid"), ("login_hint", "{mallory.email}"), ("binding_message", "W4"),
          ("requested_expiry", "60"), ("client_notification_token", "n" * 30), headers=BASIC),
    _post("/bc-authorize", ("request", "{mallory.object}"), headers=BASIC),
    _post("/token", ("grant_type", "urn:openid:params:grant-type:ciba"), ("auth_req_id", "{victim.device_code}"),
          headers=BASIC),
    Throw("GET", "/account/requests", headers=SELF),
    Throw("GET", "/account/requests/{victim.session_id}", headers=SELF),
    _post("/account/requests/{victim.session_id}", ("csrf_token", "{csrf}"), ("decision", "allow"),
          headers=(*SELF, *OURS)),
    _post("/token", ("grant_type", _EXCHANGE), ("subject_token", "{victim.access_token}"),
          ("subject_token_type", _ACCESS_TOKEN), ("actor_token", "{mallory.access_token}"),
          ("actor_token_type", _ACCESS_TOKEN), ("requested_token_type", _ACCESS_TOKEN), ("audience", "{api}"),
          headers=BASIC),
    _post("/token", ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", "{mallory.object}"),
          ("scope", "notes.read"), headers=BASIC),
    _post("/token", ("grant_type", "authorization_code"), ("code", "{mallory.code}"), ("redirect_uri", "{callback}"),
          ("code_verifier", "{verifier}"), headers=(*BASIC, *PROOF)),
    _post("/token", ("grant_type", "refresh_token"), ("refresh_token", "{mallory.refresh_token}"),
          headers=(*BASIC, *PROOF)),
    Throw("GET", "/userinfo", headers=(("Authorization", "DPoP {mallory.access_token}"), *PROOF)),
    _post("/introspect", ("token", "{mallory.access_token}"),
          headers=(*BASIC, ("Accept", "application/token-introspection+jwt"))),
    Throw("GET", "/logout/apps", headers=SELF),
    Throw("POST", "/register", raw=_EVERYTHING.encode(), content_type="application/json"),
    Throw("GET", "/.well-known/openid-configuration", headers=(("If-None-Match", '"x"'),)),
    Throw("GET", "/.well-known/jwks.json", headers=(("If-None-Match", "*"), ("Origin", "https://spa.example"))),
    Throw("OPTIONS", "/token", headers=(("Origin", "https://spa.example"), ("Access-Control-Request-Method", "POST"))),
)  # fmt: skip

# ── single values ─────────────────────────────────────────────────────────────────────────────────

_ODD = (
    "", " ", "\0", "a\0b", "\ud800", "a\udfffb", "%00", "%", "%zz", "\u202e", "\r\nX-Injected: 1", "'", '"',
    "\\", "<b>",
    "../../etc/passwd", "9" * 5000, "-1", "0", "1e999", "NaN", "null", "true", "[]", "{}", "[" * 3000,
    "http://[x", "//x",
    "javascript:alert(1)", "https://app.example:99999/", "https://[::1", "rt_" + "A" * 75, "eyJhbGciOiJub25lIn0.e30.",
    "eyJhbGciOiJSUzI1NiIsImtpZCI6WzFdfQ.e30.AA", "a" * 9000, "é" * 300, "０１", "\x7f", "\ufeff", "openid " * 400,
    "00000000-0000-0000-0000-000000000000", "urn:uuid:12345678123456781234567812345678", "none", "login none",
)  # fmt: skip
NAMES = (
    "victim.code", "victim.access_token", "victim.refresh_token", "victim.id_token", "victim.sid", "victim.client_id",
    "victim.sub", "victim.email", "victim.session_id", "victim.device_id", "mallory.code", "mallory.access_token",
    "mallory.refresh_token", "mallory.id_token", "mallory.interaction", "mallory.client_id", "mallory.sub",
    "mallory.email", "mallory.device_id", "mallory.secret", "mallory.registration_token", "csrf", "visit.csrf",
    "mallory.object", "mallory.reference", "victim.reference", "mallory.device_code", "victim.device_code",
    "mallory.user_code", "proof", "callback",
    "verifier", "challenge", "api", "issuer", "kid", "password",
)  # fmt: skip
_FIELDS = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
    "prompt", "max_age", "claims", "id_token_hint", "login_hint", "acr_values", "ui_locales", "display", "request",
    "request_uri", "response_mode", "registration", "resource", "audience", "grant_type", "code", "code_verifier",
    "refresh_token", "client_secret", "client_assertion", "client_assertion_type", "token", "token_type_hint",
    "access_token", "post_logout_redirect_uri", "logout_hint", "interaction", "csrf_token", "email", "password",
    "remember", "name", "decision", "choice", "transaction", "to", "device", "ended", "removed", "where", "account",
    "username", "assertion", "authorization_details", "error", "parameter", "rule", "dpop_jkt", "",
    "claims_locales", "birthdate", "phone_number", "locality", "device_code", "user_code", "auth_req_id",
    "login_hint_token", "binding_message", "client_notification_token", "requested_expiry", "subject_token",
    "subject_token_type", "actor_token", "actor_token_type", "requested_token_type",
)  # fmt: skip
_HEADERS = (
    "Authorization", "Cookie", "Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Accept", "Accept-Language",
    "Accept-Encoding", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-ID",
    "If-None-Match", "If-Modified-Since", "Range", "Host", "Content-Type", "Content-Encoding", "Expect", "DPoP",
    "Access-Control-Request-Method", "Access-Control-Request-Headers", "X-HTTP-Method-Override", "Content-Length",
    "Client-Cert", "Client-Cert-Chain", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert",
)  # fmt: skip
METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "")
_TYPES = (
    FORM, "application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", "",
    "*/*", "a/b/c",
    f"{FORM}; charset=utf-16", "application/json; charset=latin-1", f"{FORM};{FORM}",
    "application/x-www-form-urlencode",
    "\xff",
)  # fmt: skip

surrogates_too = st.characters(exclude_categories=())
texts = st.one_of(st.sampled_from(_ODD), st.text(surrogates_too, max_size=40))
named = st.sampled_from(NAMES).map("{{{}}}".format)
damaged = st.tuples(named, st.sampled_from("+-~!*^0")).map("".join)  # see fill()
values = st.one_of(named, texts, damaged, st.sampled_from(_ODD))
field_names = st.one_of(st.sampled_from(_FIELDS), texts)
pairs = st.tuples(field_names, values)
many = st.one_of(st.lists(pairs, max_size=4), st.lists(pairs, max_size=2).map(lambda p: p * 2))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, named),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
_MEMBERS = (
    "client_name", "redirect_uris", "grant_types", "response_types", "scope", "jwks", "jwks_uri", "contacts",
    "client_uri", "logo_uri", "tos_uri", "policy_uri", "token_endpoint_auth_method", "application_type", "client_id",
    "client_name#de", "software_id", "software_statement", "post_logout_redirect_uris", "trusted", "client_secret",
    "token_endpoint_auth_signing_alg", "subject_type", "backchannel_logout_uri", "default_max_age",
    *json.loads(_EVERYTHING), "tls_client_auth_san_dns", "tls_client_certificate_bound_access_tokens",
    "sector_identifier_uri", "default_acr_values", "id_token_signed_response_alg", "userinfo_signed_response_alg",
)  # fmt: skip
_JWK = st.fixed_dictionaries(
    {},
    optional={n: st.one_of(texts, json_values) for n in ("kty", "n", "e", "crv", "x", "y", "kid", "alg", "use", "d")},
)
metadata = st.dictionaries(
    st.one_of(st.sampled_from(_MEMBERS), texts),
    st.one_of(json_values, st.just(["https://f.example/cb"]), st.just({"keys": [{"kty": "RSA"}]}),
              st.lists(_JWK, max_size=3).map(lambda keys: {"keys": keys})),
    max_size=6,
)  # fmt: skip
_PART = b"--x\r\nContent-Disposition: form-data; name=csrf_token\r\n\r\ny\r\n--x--"
_DEEP = (b"[" * 60000, b'{"a":' * 20000, b'{"client_name":"' + b"x" * 130000 + b'"}', b"\xff\xfe", b"{", b'{"a":1e400}',
         b'{"a":' + b"9" * 6000 + b"}", b'{"redirect_uris":["https://f.example/\\ud800"]}',
         b'{"client_name":"\\u0000"}',
         b"a=" + b"b" * 140000, b"&" * 5000, b"a=b&" * 300, b"a=%ff&b=%00",
         _PART, b"--x\r\n" * 2000)  # fmt: skip
assertions = st.builds(
    lambda head, claims: ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
                                  for part in (head, claims)) + ".c2ln",
    st.fixed_dictionaries({"alg": st.sampled_from(["RS256", "none", "HS256", "EdDSA"])},
                          optional={"kid": json_values, "typ": json_values, "crit": json_values, "jwk": json_values}),
    st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "jti", "sid"]), json_values, max_size=7),
)  # fmt: skip
authorizations = st.one_of(
    values.map("Bearer {}".format), values.map("Basic {}".format), values, assertions.map("Bearer {}".format),
    st.tuples(values, values).map(lambda p: "Basic " + base64.b64encode(
        f"{p[0]}:{p[1]}".encode("utf-8", "surrogatepass")).decode()),
    st.just("{mallory.basic}"), st.just("{mallory.basic}*"), st.just("Bearer"), st.just("Digest x=y"),
)  # fmt: skip
cookies = st.one_of(
    st.just(SELF[0][1]), st.just(SELF[0][1] + "; " + SELF[0][1]), values.map("__Host-idp-session={}".format),
    values.map("__Host-idp-visit={}".format), texts, st.just("__Host-idp-session={mallory.session}*"),
)  # fmt: skip
headers = st.lists(
    st.one_of(
        st.tuples(st.just("Authorization"), authorizations), st.tuples(st.just("Cookie"), cookies),
        st.tuples(st.sampled_from(_HEADERS), values), st.sampled_from(OURS),
    ),
    max_size=4,
).map(tuple)  # fmt: skip


# ── whole requests ────────────────────────────────────────────────────────────────────────────────


def bodies() -> st.SearchStrategy[bytes | None]:
    """No body, JSON, or bytes that mean nothing."""
    return st.one_of(
        st.none(), st.none(), st.sampled_from(_DEEP), st.binary(max_size=60),
        json_values.map(_json), metadata.map(_json),
    )  # fmt: skip


def from_nothing(paths: st.SearchStrategy[str]) -> st.SearchStrategy[Throw]:
    """A request of which only the address means anything."""
    content = st.one_of(st.just(FORM), st.just("application/json"), st.sampled_from(_TYPES))
    return st.builds(
        Throw, st.one_of(st.sampled_from(METHODS), st.sampled_from(METHODS[:2])), paths, many.map(tuple), headers,
        many.map(tuple), content, bodies(),
    )  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> Throw:
    """A valid request with some of it changed, or none."""
    seed = draw(st.sampled_from(SEEDS))
    fields, query, sent = list(seed.fields), list(seed.query), list(seed.headers)
    for part in (fields, query):
        for _ in range(draw(st.integers(0, 2))):
            _mutate(draw, part)
    for _ in range(draw(st.integers(0, 1))):
        sent.extend(draw(headers))
    if draw(st.integers(0, 9)) == 0 and sent:
        sent.pop(draw(st.integers(0, len(sent) - 1)))
    raw = seed.raw
    if raw is not None and draw(st.booleans()):
        raw = _json({**json.loads(raw), **draw(metadata)})
    method = seed.method if draw(st.integers(0, 9)) else draw(st.sampled_from(METHODS))
    kind = seed.content_type if draw(st.integers(0, 9)) else draw(st.sampled_from(_TYPES))
    return Throw(method, seed.path, tuple(fields), tuple(sent), tuple(query), kind, raw)


def _mutate(draw: st.DrawFn, part: list[tuple[str, str]]) -> None:
    act = draw(st.sampled_from(("value", "add", "drop", "repeat", "assertion")))
    at = draw(st.integers(0, max(0, len(part) - 1)))
    if act == "add" or not part:
        part.insert(at, draw(pairs))
    elif act == "value":
        part[at] = (part[at][0], draw(values))
    elif act == "assertion":
        part[at] = (part[at][0], draw(assertions))
    elif act == "drop":
        part.pop(at)
    else:
        part.append(part[at])


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


# ── on the wire ───────────────────────────────────────────────────────────────────────────────────

_NAME = re.compile(r"\{([a-z_.]+)\}([-+~!*^0]?)")


def fill(text: str, known: Mapping[str, str]) -> str:
    """Put values for names in braces; a sign after one damages the value."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in known:
            return match[0]
        return _damage(known[match[1]], match[2])

    return _NAME.sub(value, text)


def _damage(value: str, how: str) -> str:
    middle = len(value) // 2
    return {
        "": value, "+": value + "A", "-": value[:-1], "~": value.swapcase(), "!": value + "\0", "^": " " + value,
        "*": value[:middle] + ("A" if value[middle : middle + 1] != "A" else "B") + value[middle + 1 :],
        "0": value[:middle] + "\ud800" + value[middle:],
    }[how]  # fmt: skip


def encoded(text: str) -> bytes:
    """UTF-8, with surrogates as they are."""
    return text.encode("utf-8", "surrogatepass")


def urlencoded(fields: tuple[tuple[str, str], ...], known: Mapping[str, str]) -> bytes:
    """``application/x-www-form-urlencoded``, whatever is in it."""
    parts = (tuple(quote_from_bytes(encoded(fill(text, known))) for text in pair) for pair in fields)
    return "&".join(f"{name}={value}" for name, value in parts).encode()


def header_bytes(text: str, known: Mapping[str, str]) -> bytes:
    """What a server lets through: no line ends and no NUL, any other byte."""
    return re.sub(rb"[\r\n\0]", b"", encoded(fill(text, known)))
