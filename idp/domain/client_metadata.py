"""Client metadata: the strict rules of RFC 7591 section 2 and OpenID Connect Registration 1.0 section 2.

One place for everybody who registers a client: the registration endpoint, its configuration endpoint
and the command line. A member that is null or empty counts as not sent; a member we do not know is
dropped (RFC 7591 section 2: "MUST ignore"), which also drops what no client may say of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .authorization_metadata import authorization_requests
from .binding_metadata import token_binding
from .ciba_metadata import SIGNING_ALG, ciba
from .client import AuthMethod, GrantType
from .key import SIGNING_ALGS
from .logout_metadata import backchannel_logout, frontchannel_logout
from .metadata_members import MetadataProblem, Sent, bad, choice, language_of, link, name, strings
from .openid_metadata import check_sector, openid
from .redirect_uris import MAX_URI, redirect_uri_problem
from .scope import parse_scope
from .subject import PAIRWISE

MAX_KEYS, MAX_STATEMENT = 20, 8192
_JWK_MEMBERS = ("kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y")
_LINKS = ("client_uri", "logo_uri", "policy_uri", "tos_uri")
_TEXTS = ("software_id", "software_version")

_SPECIFICATIONS: Sequence[Callable[[Sent], Mapping[str, object]]] = (
    openid, backchannel_logout, frontchannel_logout, authorization_requests, token_binding, ciba,
)  # fmt: skip
"""Each reads the members of one specification beyond RFC 7591 and says what of them is kept."""

_BY_KEY = (AuthMethod.PRIVATE_KEY_JWT, AuthMethod.SELF_SIGNED_TLS)
FOUNDING = {GrantType.AUTHORIZATION_CODE, GrantType.DEVICE_CODE, GrantType.CIBA}
"""The grants of which refresh tokens come."""


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
    sent = {member: value for member, value in document.items() if value not in (None, "", [], {})}
    application_type = choice(sent, "application_type", ("web", "native"), "web")
    metadata = ClientMetadata(
        client_name=name(sent, "client_name"),
        redirect_uris=_uris(sent, "redirect_uris", application_type, "invalid_redirect_uri"),
        post_logout_redirect_uris=_uris(sent, "post_logout_redirect_uris", application_type, "invalid_client_metadata"),
        grant_types=_grant_types(sent, document),
        token_endpoint_auth_method=AuthMethod(
            choice(sent, "token_endpoint_auth_method", [item.value for item in AuthMethod], AuthMethod.BASIC.value)
        ),
        token_endpoint_auth_signing_alg=choice(sent, "token_endpoint_auth_signing_alg", SIGNING_ALGS, "") or None,
        application_type=application_type,
        scope=_scope(sent),
        jwks=read_jwks(sent, key_ok),
        jwks_uri=link(sent, "jwks_uri", loopback=True),
        rest=_rest(sent),
    )
    _together(metadata, sent)
    return metadata


# ── members together ──────────────────────────────────────────────────────────────────────────────


def _together(metadata: ClientMetadata, sent: Mapping[str, object]) -> None:
    grants, method = metadata.grant_types, metadata.token_endpoint_auth_method
    if GrantType.AUTHORIZATION_CODE in grants and not metadata.redirect_uris:
        raise bad("redirect_uris is required for the authorization_code grant", "invalid_redirect_uri")
    if GrantType.REFRESH_TOKEN in grants and not set(grants) & FOUNDING:
        raise bad("grant_types: refresh_token needs a grant that a person gives, such as authorization_code")
    if GrantType.CLIENT_CREDENTIALS in grants and method is AuthMethod.NONE:
        raise bad("grant_types: client_credentials is for confidential clients (RFC 6749 4.4)")
    if GrantType.CIBA in grants and method is AuthMethod.NONE:
        raise bad("grant_types: CIBA is for clients that authenticate (CIBA Core 7.1)")
    if metadata.jwks is not None and metadata.jwks_uri is not None:
        raise bad("jwks and jwks_uri must not both be present (RFC 7591 2)")
    if method is AuthMethod.PRIVATE_KEY_JWT and metadata.jwks is None and metadata.jwks_uri is None:
        raise bad("private_key_jwt needs jwks or jwks_uri")
    if method is AuthMethod.SELF_SIGNED_TLS and metadata.jwks is None and metadata.jwks_uri is None:
        raise bad("self_signed_tls_client_auth needs jwks or jwks_uri (RFC 8705 2.2.2)")
    check_sector(metadata.rest, (*metadata.redirect_uris, *_keys_of_sector(metadata)))
    _response_types(sent, grants)


def _keys_of_sector(metadata: ClientMetadata) -> tuple[str, ...]:
    """CIBA Core section 4.1: with pairwise names, ``jwks_uri`` stands beside or for the redirect URIs."""
    pairwise = metadata.rest.get("subject_type") == PAIRWISE and "sector_identifier_uri" not in metadata.rest
    if GrantType.CIBA not in metadata.grant_types or not pairwise:
        return ()
    if metadata.jwks_uri is None:
        raise bad("pairwise subjects of CIBA need a jwks_uri or a sector_identifier_uri (CIBA Core 4.1)")
    if metadata.token_endpoint_auth_method not in _BY_KEY and SIGNING_ALG not in metadata.rest:
        raise bad(f"pairwise subjects of CIBA need private_key_jwt, self-signed TLS or {SIGNING_ALG} (CIBA Core 4.1)")
    return (metadata.jwks_uri,)


def _response_types(sent: Mapping[str, object], grants: Sequence[GrantType]) -> None:
    wanted = strings(sent, "response_types")
    if any(item != "code" for item in wanted):
        raise bad("response_types: only code is supported")
    if wanted and GrantType.AUTHORIZATION_CODE not in grants:
        raise bad("response_types: code needs the authorization_code grant")


# ── single members ────────────────────────────────────────────────────────────────────────────────


def _grant_types(sent: Mapping[str, object], document: Mapping[str, object]) -> tuple[GrantType, ...]:
    if "grant_types" not in sent:
        # An empty list is a wish of its own (a resource server that only introspects); absence is not.
        return () if document.get("grant_types") == [] else (GrantType.AUTHORIZATION_CODE,)
    wanted = strings(sent, "grant_types")
    allowed = [item.value for item in GrantType]
    if any(item not in allowed for item in wanted):
        raise bad(f"grant_types: supported are {', '.join(allowed)}")
    return tuple(GrantType(item) for item in wanted)


def _scope(sent: Mapping[str, object]) -> tuple[str, ...] | None:
    value = sent.get("scope")
    if value is None:
        return None
    scope = parse_scope(value) if isinstance(value, str) and len(value) <= MAX_URI else None
    if scope is None:
        raise bad("scope must be a string of scope values separated by spaces (RFC 6749 3.3)")
    return scope


def read_jwks(sent: Sent, key_ok: Callable[[Mapping[str, object]], bool]) -> Mapping[str, object] | None:
    """The public keys of the member ``jwks``; None if there is none. Raises MetadataProblem."""
    value = sent.get("jwks")
    if value is None:
        return None
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        raise bad(f"jwks must be a JWK Set of 1 to {MAX_KEYS} keys (RFC 7517 5)")
    for key in keys:
        if not isinstance(key, dict) or key.get("kty") not in ("RSA", "EC", "OKP"):
            raise bad("jwks: only public RSA, EC and OKP keys")
        if {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & set(key):
            raise bad("jwks: holds a private or symmetric key; treat it as lost and make another")
        if key.get("use", "sig") == "sig" and not key_ok(key):
            raise bad("jwks: a key is malformed or too weak")
    return {"keys": [{member: key[member] for member in _JWK_MEMBERS if member in key} for key in keys]}


def _rest(sent: Sent) -> dict[str, object]:
    rest: dict[str, object] = {}
    for member in sent:
        plain, language = language_of(member)
        if language == "":
            continue
        if plain in _LINKS:
            rest[member] = link(sent, member)
        elif (plain == "client_name" and language) or (plain in _TEXTS and language is None):
            rest[member] = name(sent, member)
    if "contacts" in sent:
        rest["contacts"] = [name({"contacts": item}, "contacts") for item in strings(sent, "contacts")]
    if "software_statement" in sent:
        rest["software_statement"] = _statement(sent)
    for members_of in _SPECIFICATIONS:
        rest |= members_of(sent)
    return rest


def _statement(sent: Sent) -> str:
    """Echoed as it came (RFC 7591 section 3.2.1); whether it counts was decided where it came in."""
    value = sent["software_statement"]
    if not isinstance(value, str) or len(value) > MAX_STATEMENT:
        raise bad("software_statement must be a JWT", "invalid_software_statement")
    return value


def _uris(sent: Mapping[str, object], member: str, application_type: str, code: str) -> tuple[str, ...]:
    try:
        uris = strings(sent, member)
    except MetadataProblem as problem:
        raise MetadataProblem(code, problem.text) from None
    for uri in uris:
        if (problem_text := redirect_uri_problem(uri, application_type)) is not None:
            raise MetadataProblem(code, f"{member}: {problem_text}")
    return uris
