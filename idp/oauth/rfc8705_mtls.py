"""RFC 8705 (Mutual TLS): clients that authenticate by certificate, and tokens that are bound to one.

Section 2.1: ``tls_client_auth``, a certificate of an authority the operator named, whose subject is the one
the client registered. Section 2.2: ``self_signed_tls_client_auth``, a certificate over a key that the client
registered; no authority is asked. Section 3: the thumbprint that a token is bound to. Section 5: where
clients with certificates find the endpoints.

Why we look at the chain ourselves: then the proxy need only prove the possession of the key, for which it
must ask for a certificate without checking it (nginx: ``ssl_verify_client optional_no_ca``), and one proxy
serves both methods.

Why a self-signed certificate is compared by its key: the key is what the handshake proved; what the
certificate says around it nobody but its holder has vouched for.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from .. import jose
from ..domain.client import AuthMethod, Client
from ..domain.ports import Clock
from .requests import Received

ALIASED = {
    "token_endpoint": "/token", "revocation_endpoint": "/revoke", "introspection_endpoint": "/introspect",
    "userinfo_endpoint": "/userinfo", "pushed_authorization_request_endpoint": "/par",
    "device_authorization_endpoint": "/device_authorization",
    "backchannel_authentication_endpoint": "/bc-authorize",
}  # fmt: skip
_MOST_CHARACTERS = 16_384
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_KeysOf = Callable[[Client], Sequence[Mapping[str, Any]]]


def certificate_of(asked: Received) -> x509.Certificate | None:
    """The certificate that the client has proven, None if there is none that can be read."""
    return None if asked.certificate is None else _parse(asked.certificate)


def thumbprint(asked: Received) -> str | None:
    """Section 3.1: SHA-256 over the DER of the client's certificate, base64url; None without one."""
    certificate = certificate_of(asked)
    if certificate is None:
        return None
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Certificates:
    """Authenticates clients by certificate. ``authorities`` is a PEM file, ``keys_of`` a client's registered JWKs."""

    def __init__(self, authorities: Path | None, keys_of: _KeysOf, clock: Clock) -> None:
        self._store = None if authorities is None else verification.Store(read_authorities(authorities))
        self._keys_of = keys_of
        self._clock = clock

    def proves(self, client: Client, asked: Received) -> bool:
        """Is this request's certificate the client's, by its registered method?"""
        certificate, now = certificate_of(asked), self._clock.now()
        if certificate is None or not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return False
        if client.token_endpoint_auth_method is AuthMethod.TLS:
            return self._issued(certificate, now) and _named(client, certificate)
        return client.token_endpoint_auth_method is AuthMethod.SELF_SIGNED_TLS and self._registered(client, certificate)

    def _issued(self, certificate: x509.Certificate, now: datetime) -> bool:
        """Section 2.1: a chain to an authority that the operator named (RFC 5280 section 6)."""
        if self._store is None:
            return False
        builder = verification.PolicyBuilder().store(self._store).time(now)
        verifier = builder.extension_policies(ca_policy=_AUTHORITY, ee_policy=_CLIENT).build_client_verifier()
        try:
            verifier.verify(certificate, [])
        except verification.VerificationError:
            return False
        return True

    def _registered(self, client: Client, certificate: x509.Certificate) -> bool:
        """Section 2.2.2: the key of the certificate is one of the client's."""
        try:
            shown = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        except (UnsupportedAlgorithm, ValueError):
            return False
        return any(shown == spki for jwk in self._keys_of(client) for spki in _spki(jwk))


def read_authorities(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file. Raises OSError, or ValueError if it holds none."""
    return x509.load_pem_x509_certificates(path.read_bytes())


@lru_cache(maxsize=256)
def _parse(header: str) -> x509.Certificate | None:
    """RFC 9440 (``:base64:``), PEM however its line ends were written (nginx escapes them), or bare base64."""
    if len(header) > _MOST_CHARACTERS:
        return None
    text = unquote(header).strip()
    if len(text) > 1 and text.startswith(":") and text.endswith(":"):
        text = text[1:-1]
    encoded = "".join(text.removeprefix(_BEGIN).removesuffix(_END).split())
    try:
        return x509.load_der_x509_certificate(base64.b64decode(encoded, validate=True))
    except ValueError:
        return None


def _spki(jwk: Mapping[str, Any]) -> list[bytes]:
    found = [jose.verify_key(jwk, alg) for alg in ("RS256", "PS256", "ES256", "EdDSA")]
    return [key.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in found if key is not None]


# ── the subject (section 2.1.2) ───────────────────────────────────────────────────────────────────


def _named(client: Client, certificate: x509.Certificate) -> bool:
    """Exactly one of five members was registered (``domain.binding_metadata``)."""
    dn = client.metadata.get("tls_client_auth_subject_dn")
    if isinstance(dn, str):
        try:
            return x509.Name.from_rfc4514_string(dn) == certificate.subject
        except ValueError:
            return False
    return any(client.metadata.get(member) in values for member, values in _alternatives(certificate).items())


def _alternatives(certificate: x509.Certificate) -> Mapping[str, list[str]]:
    """Subject alternative names (RFC 5280 section 4.2.1.6), by the member that may name them."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return {}
    return {
        "tls_client_auth_san_dns": names.get_values_for_type(x509.DNSName),
        "tls_client_auth_san_uri": names.get_values_for_type(x509.UniformResourceIdentifier),
        "tls_client_auth_san_email": names.get_values_for_type(x509.RFC822Name),
        "tls_client_auth_san_ip": [str(ip) for ip in names.get_values_for_type(x509.IPAddress) if _single(ip)],
    }


def _single(address: object) -> bool:
    return isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address)


# ── the chain ─────────────────────────────────────────────────────────────────────────────────────


def _is_authority(_policy: verification.Policy, _certificate: x509.Certificate, extension: Any) -> None:
    if not isinstance(extension, x509.BasicConstraints) or not extension.ca:
        raise ValueError("not an authority")


def _is_for_clients(_policy: verification.Policy, _certificate: x509.Certificate, extension: Any) -> None:
    if isinstance(extension, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.CLIENT_AUTH not in extension:
        raise ValueError("not for clients")


_EITHER = verification.Criticality.AGNOSTIC
_AUTHORITY = verification.ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, _EITHER, _is_authority)
_CLIENT = verification.ExtensionPolicy.permit_all().may_be_present(x509.ExtendedKeyUsage, _EITHER, _is_for_clients)
"""RFC 5280 section 4.2.1.12: a certificate that names its uses must name this one."""
