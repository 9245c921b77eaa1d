"""Client: a registered application, with its RFC 7591 metadata.

``origin`` says who vouches for it. What a client may not decide about itself (trust, PKCE
relaxation, grace) are members of their own that registration never touches (ASVS 15.3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from .exchange import ExchangePolicy
from .fapi2 import ALGS as FAPI2_ALGS
from .fapi2 import Fapi2
from .key import DEFAULT_ALG


class ClientOrigin(StrEnum):
    """Who made the registration."""

    OPERATOR = "operator"
    DYNAMIC = "dynamic"


class AuthMethod(StrEnum):
    """``token_endpoint_auth_method`` values that we support (RFC 7591 section 2, RFC 7523, RFC 8705)."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    TLS = "tls_client_auth"
    SELF_SIGNED_TLS = "self_signed_tls_client_auth"


class GrantType(StrEnum):
    """``grant_types`` values that we support."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"
    CLIENT_CREDENTIALS = "client_credentials"
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    CIBA = "urn:openid:params:grant-type:ciba"
    DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


def authority(parts: SplitResult) -> str | None:
    """The host of a URL, lower case, and its port where that is not the scheme's: another port is another's server."""
    if not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """``metadata`` keeps the remaining registered members (``client_uri``, ``logo_uri``, …) as given.

    ``secret_hash`` and ``registration_token_hash`` are SHA-256 over 256 random bits. ``scope`` is
    what the client may ask for at all. ``pkce_required`` None means: as the operator's setting says.
    ``refresh_grace`` None likewise; 0 is strict. ``exchange``: what it may exchange
    tokens for (RFC 8693); None is nothing. ``trusted`` clients are the operator's own and
    skip consent. ``metadata_expires_at`` is set if the registration is read at the URL that ``client_id``
    is, and says until when what was read counts without another look.
    """

    client_id: str
    client_name: str
    origin: ClientOrigin
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[GrantType, ...] = (GrantType.AUTHORIZATION_CODE,)
    token_endpoint_auth_method: AuthMethod = AuthMethod.BASIC
    token_endpoint_auth_signing_alg: str | None = None
    application_type: str = "web"
    scope: tuple[str, ...] = ()
    jwks: Mapping[str, object] | None = None
    jwks_uri: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    secret_hash: bytes | None = None
    registration_token_hash: bytes | None = None
    trusted: bool = False
    pkce_required: bool | None = None
    refresh_grace: int | None = None
    exchange: ExchangePolicy | None = None
    fapi2: Fapi2 | None = None
    metadata_expires_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    disabled_at: datetime | None = None

    @property
    def public(self) -> bool:
        """True if the client cannot keep a secret (RFC 6749 section 2.1)."""
        return self.token_endpoint_auth_method is AuthMethod.NONE

    def may_sign_with(self, alg: str) -> bool:
        """Is what the client signs by this algorithm taken? FAPI 2.0 5.4.1 takes no RS256."""
        return self.fapi2 is None or alg in FAPI2_ALGS

    @property
    def access_token_alg(self) -> str:
        """By what its access tokens are signed: RS256, which every API knows, but under FAPI 2.0 (5.4.1)."""
        chosen = self.metadata.get("id_token_signed_response_alg", DEFAULT_ALG)
        return DEFAULT_ALG if self.fapi2 is None else str(chosen)

    @property
    def dpop_bound(self) -> bool:
        """Must every token request prove a key (``dpop_bound_access_tokens``, RFC 9449 section 5.2)?"""
        return self.metadata.get("dpop_bound_access_tokens") is True

    @property
    def certificate_bound(self) -> bool:
        """Is every token bound to the client's certificate (RFC 8705 section 3.4)?"""
        return self.metadata.get("tls_client_certificate_bound_access_tokens") is True

    @property
    def identity_assured(self) -> bool:
        """Could another program not pose as this client? (RFC 8252 section 8.6)

        A public native app receives its answers at an address that any program on the device can
        claim, so earlier consent does not speak for whoever asks now.
        """
        return not (self.public and self.application_type == "native")

    @property
    def described_at_url(self) -> bool:
        """Is its registration a document at its ``client_id`` (OAuth Client ID Metadata Document)?"""
        return self.metadata_expires_at is not None

    @property
    def host(self) -> str | None:
        """The host to show to people: where this client lives on the web, if anywhere.

        Of one that describes itself at a URL, that URL's, with its port if that is an unusual one: it is the one
        thing of it that was looked at.
        """
        if self.described_at_url:
            return authority(urlsplit(self.client_id))
        for uri in (str(self.metadata.get("client_uri") or ""), *self.redirect_uris):
            parts = urlsplit(uri)
            if parts.scheme == "https" and parts.hostname:
                return parts.hostname
        return None

    def localized(self, member: str, language: str) -> str | None:
        """A metadata member in a language, by its tagged name if there is one (RFC 7591 2.2)."""
        fallback = self.client_name if member == "client_name" else self.metadata.get(member)
        value = self.metadata.get(f"{member}#{language}", fallback)
        return value if isinstance(value, str) else None
