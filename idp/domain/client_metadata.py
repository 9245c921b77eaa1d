"""Client metadata: the strict rules of RFC 7591 section 2 and OpenID Connect Registration 1.0 section 2.

One place for everybody who registers a client: the registration endpoint, its configuration endpoint
and the command line. A member that is null or empty counts as not sent; a member we do not know is
dropped (RFC 7591 section 2: "MUST ignore"), which also drops what no client may say of itself.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .client import AuthMethod, GrantType
from .scope import parse_scope

MAX_URIS, MAX_URI, MAX_NAME, MAX_KEYS = 20, 2000, 256, 20
SIGNING_ALGS = ("RS256", "PS256", "ES256", "EdDSA")
_URI = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_JWK_MEMBERS = ("kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y")
_LINKS = ("client_uri", "logo_uri", "policy_uri", "tos_uri")
_TEXTS = ("software_id", "software_version")


class MetadataProblem(Exception):
    """``code`` is the RFC 7591 section 3.2.2 error, ``text`` says which member and why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """What may be registered, checked; ``rest`` holds members that are only shown or echoed."""

    client_name: str = ""
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[GrantType, ...] = (GrantType.AUTHORIZATION_CODE,)
    token_endpoint_auth_method: AuthMethod = AuthMethod.BASIC
    token_endpoint_auth_signing_alg: str | None = None
    application_type: str = "web"
    scope: tuple[str, ...] | None = None
    jwks: Mapping[str, object] | None = None
    jwks_uri: str | None = None
    rest: Mapping[str, object] = field(default_factory=dict)


def check(document: Mapping[str, object], key_ok: Callable[[Mapping[str, object]], bool]) -> ClientMetadata:
    """Check a whole document. ``key_ok`` says whether one public JWK can be used.

    Raises MetadataProblem for the first mistake found.
    """
    sent = {name: value for name, value in document.items() if value not in (None, "", [], {})}
    application_type = _choice(sent, "application_type", ("web", "native"), "web")
    metadata = ClientMetadata(
        client_name=_name(sent, "client_name"),
        redirect_uris=_uris(sent, "redirect_uris", application_type, "invalid_redirect_uri"),
        post_logout_redirect_uris=_uris(sent, "post_logout_redirect_uris", application_type, "invalid_client_metadata"),
        grant_types=_grant_types(sent, document),
        token_endpoint_auth_method=AuthMethod(
            _choice(sent, "token_endpoint_auth_method", [item.value for item in AuthMethod], AuthMethod.BASIC.value)
        ),
        token_endpoint_auth_signing_alg=_choice(sent, "token_endpoint_auth_signing_alg", SIGNING_ALGS, "") or None,
        application_type=application_type,
        scope=_scope(sent),
        jwks=_jwks(sent, key_ok),
        jwks_uri=_link(sent, "jwks_uri", loopback=True),
        rest=_rest(sent),
    )
    _together(metadata, sent)
    return metadata


def _bad(text: str, code: str = "invalid_client_metadata") -> MetadataProblem:
    return MetadataProblem(code, text)


# ── members together ──────────────────────────────────────────────────────────────────────────────


def _together(metadata: ClientMetadata, sent: Mapping[str, object]) -> None:
    grants, method = metadata.grant_types, metadata.token_endpoint_auth_method
    if GrantType.AUTHORIZATION_CODE in grants and not metadata.redirect_uris:
        raise _bad("redirect_uris is required for the authorization_code grant", "invalid_redirect_uri")
    if GrantType.REFRESH_TOKEN in grants and GrantType.AUTHORIZATION_CODE not in grants:
        raise _bad("grant_types: refresh_token needs authorization_code")
    if GrantType.CLIENT_CREDENTIALS in grants and method is AuthMethod.NONE:
        raise _bad("grant_types: client_credentials is for confidential clients (RFC 6749 4.4)")
    if metadata.jwks is not None and metadata.jwks_uri is not None:
        raise _bad("jwks and jwks_uri must not both be present (RFC 7591 2)")
    if method is AuthMethod.PRIVATE_KEY_JWT and metadata.jwks is None and metadata.jwks_uri is None:
        raise _bad("private_key_jwt needs jwks or jwks_uri")
    if "software_statement" in sent:
        raise MetadataProblem("unapproved_software_statement", "software statements are not accepted")
    _response_types(sent, grants)


def _response_types(sent: Mapping[str, object], grants: Sequence[GrantType]) -> None:
    wanted = _strings(sent, "response_types")
    if any(item != "code" for item in wanted):
        raise _bad("response_types: only code is supported")
    if wanted and GrantType.AUTHORIZATION_CODE not in grants:
        raise _bad("response_types: code needs the authorization_code grant")


# ── single members ────────────────────────────────────────────────────────────────────────────────


def _strings(sent: Mapping[str, object], member: str) -> tuple[str, ...]:
    value = sent.get(member, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _bad(f"{member} must be an array of strings")
    if len(value) > MAX_URIS:
        raise _bad(f"{member} has more than {MAX_URIS} entries")
    return tuple(dict.fromkeys(value))


def _choice(sent: Mapping[str, object], member: str, allowed: Sequence[str], default: str) -> str:
    value = sent.get(member, default)
    if value not in (*allowed, default) or not isinstance(value, str):
        raise _bad(f"{member} must be one of: {', '.join(allowed)}")
    return value


def _name(sent: Mapping[str, object], member: str) -> str:
    value = sent.get(member, "")
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise _bad(f"{member} must be a string of at most {MAX_NAME} characters")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") for c in value):
        raise _bad(f"{member} holds control or direction characters (ASVS 10.4.7)")
    return value.strip()


def _grant_types(sent: Mapping[str, object], document: Mapping[str, object]) -> tuple[GrantType, ...]:
    if "grant_types" not in sent:
        # An empty list is a wish of its own (a resource server that only introspects); absence is not.
        return () if document.get("grant_types") == [] else (GrantType.AUTHORIZATION_CODE,)
    names = _strings(sent, "grant_types")
    allowed = [item.value for item in GrantType]
    if any(name not in allowed for name in names):
        raise _bad(f"grant_types: supported are {', '.join(allowed)}")
    return tuple(GrantType(name) for name in names)


def _scope(sent: Mapping[str, object]) -> tuple[str, ...] | None:
    value = sent.get("scope")
    if value is None:
        return None
    scope = parse_scope(value) if isinstance(value, str) and len(value) <= MAX_URI else None
    if scope is None:
        raise _bad("scope must be a string of scope values separated by spaces (RFC 6749 3.3)")
    return scope


def _jwks(sent: Mapping[str, object], key_ok: Callable[[Mapping[str, object]], bool]) -> Mapping[str, object] | None:
    value = sent.get("jwks")
    if value is None:
        return None
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        raise _bad(f"jwks must be a JWK Set of 1 to {MAX_KEYS} keys (RFC 7517 5)")
    for key in keys:
        if not isinstance(key, dict) or key.get("kty") not in ("RSA", "EC", "OKP"):
            raise _bad("jwks: only public RSA, EC and OKP keys")
        if {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & set(key):
            raise _bad("jwks: holds a private or symmetric key; treat it as lost and make another")
        if key.get("use", "sig") == "sig" and not key_ok(key):
            raise _bad("jwks: a key is malformed or too weak")
    return {"keys": [{name: key[name] for name in _JWK_MEMBERS if name in key} for key in keys]}


def _rest(sent: Mapping[str, object]) -> dict[str, object]:
    rest: dict[str, object] = {}
    for name in sent:
        member, _, language = name.partition("#")
        if language and not re.fullmatch(r"[A-Za-z0-9-]{1,35}", language):
            continue
        if member in _LINKS:
            rest[name] = _link(sent, name)
        elif (member == "client_name" and language) or member in _TEXTS:
            rest[name] = _name(sent, name)
    if "contacts" in sent:
        rest["contacts"] = [_name({"contacts": item}, "contacts") for item in _strings(sent, "contacts")]
    if "initiate_login_uri" in sent:
        rest["initiate_login_uri"] = _link(sent, "initiate_login_uri", loopback=False)
    _openid(sent, rest)
    _backchannel_logout(sent, rest)
    return rest


def _openid(sent: Mapping[str, object], rest: dict[str, object]) -> None:
    """OpenID Connect Registration 1.0 section 2: what we can honour is kept, what we cannot is refused."""
    fixed = {"subject_type": ("public",), "id_token_signed_response_alg": ("RS256",)}
    for member, allowed in fixed.items():
        if member in sent:
            rest[member] = _choice(sent, member, allowed, allowed[0])
    for member in ("userinfo_signed_response_alg", "id_token_encrypted_response_alg"):
        if member in sent:
            raise _bad(f"{member} is not supported")
    if "default_max_age" in sent:
        value = sent["default_max_age"]
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**9:
            raise _bad("default_max_age must be a number of seconds")
        rest["default_max_age"] = value
    if isinstance(sent.get("require_auth_time"), bool):
        rest["require_auth_time"] = sent["require_auth_time"]


def _backchannel_logout(sent: Mapping[str, object], rest: dict[str, object]) -> None:
    """OpenID Connect Back-Channel Logout 1.0 section 2.2. Our logout tokens always have a ``sid``."""
    uri = _link(sent, "backchannel_logout_uri")
    required = sent.get("backchannel_logout_session_required")
    if required is not None and not isinstance(required, bool):
        raise _bad("backchannel_logout_session_required must be true or false")
    if uri is not None:
        if "#" in uri:
            raise _bad("backchannel_logout_uri must not include a fragment (Back-Channel Logout 1.0 2.2)")
        if urlsplit(uri).scheme == "http" and sent.get("token_endpoint_auth_method") == AuthMethod.NONE.value:
            raise _bad("backchannel_logout_uri: http is for confidential clients (Back-Channel Logout 1.0 2.2)")
        rest["backchannel_logout_uri"] = uri
    if required is not None:
        rest["backchannel_logout_session_required"] = required


# ── addresses ─────────────────────────────────────────────────────────────────────────────────────


def _uris(sent: Mapping[str, object], member: str, application_type: str, code: str) -> tuple[str, ...]:
    try:
        uris = _strings(sent, member)
    except MetadataProblem as problem:
        raise MetadataProblem(code, problem.text) from None
    for uri in uris:
        if (problem_text := redirect_uri_problem(uri, application_type)) is not None:
            raise MetadataProblem(code, f"{member}: {problem_text}")
    return uris


def redirect_uri_problem(uri: str, application_type: str) -> str | None:
    """Why an address cannot receive answers; None if it can (RFC 9700 2.1, RFC 8252 7 and 8.4)."""
    if len(uri) > MAX_URI or not _URI.fullmatch(uri):
        return "an address is too long, or holds a fragment or a character that no URI may hold (RFC 3986 2)"
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "an address cannot be read as a URI"
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        return "an address must not hold user information"
    if parts.scheme == "https":
        return None if host and "*" not in host else "an https address needs a host, without wildcards"
    if parts.scheme == "http":
        return None if is_loopback(host) else "http is for loopback only; use https"
    return _private_scheme_problem(parts.scheme, application_type)


def _private_scheme_problem(scheme: str, application_type: str) -> str | None:
    if application_type != "native":
        return "only native apps may use a scheme of their own (application_type native)"
    if "." not in scheme:
        return "a scheme of your own must be a reversed domain name such as com.example.app (RFC 8252 7.1)"
    return None


def is_loopback(host: str) -> bool:
    """An address or name that cannot leave the machine it is used on."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _link(sent: Mapping[str, object], member: str, *, loopback: bool = True) -> str | None:
    value = sent.get(member)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_URI or not _URI.fullmatch(value.replace("#", "")):
        raise _bad(f"{member} must be an https URL")
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise _bad(f"{member} must be an https URL") from None
    fine = parts.scheme == "https" or (loopback and parts.scheme == "http" and is_loopback(host))
    if not fine or not host or "@" in parts.netloc:
        raise _bad(f"{member} must be an https URL")
    return value
