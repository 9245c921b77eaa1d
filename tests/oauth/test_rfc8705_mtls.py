"""Mutual TLS behind a proxy: who is believed, who authenticates by certificate, and what bound tokens are worth."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from werkzeug.test import TestResponse

from idp import jose
from idp.errors import ConfigurationError
from idp.oauth.rfc8705_mtls import ALIASED
from idp.settings import load

from ..provider import App, Provider, answered, claims_of, refused, running

HEADER = "ClientCert"


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def header(self) -> str:
        """RFC 9440."""
        return f":{base64.b64encode(self.der).decode()}:"

    @property
    def thumbprint(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.der).digest()).rstrip(b"=").decode()

    @property
    def jwk(self) -> dict[str, Any]:
        return jose.public_jwk(self.key, "ES256")


def certificate(
    name: str = "app", by: Holder | None = None, *, ca: bool = False, days: int = 2, uses: Any = None
) -> Holder:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Photos"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    names = x509.SubjectAlternativeName([
        x509.DNSName(f"{name}.example"), x509.RFC822Name(f"{name}@example.com"),
        x509.UniformResourceIdentifier(f"https://{name}.example/id"), x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
    ])  # fmt: skip
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10)).not_valid_after(now + timedelta(days=days))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )  # fmt: skip
    if uses is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([uses]), critical=False)
    return Holder(builder.sign(by.key if by else key, hashes.SHA256()), key)


AUTHORITY, STRANGE = certificate("authority", ca=True), certificate("authority", ca=True)
MINE, OTHER = certificate(by=AUTHORITY), certificate("other", by=AUTHORITY)
SELF = certificate("self")


@pytest.fixture(scope="module")
def behind(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("mtls")
    (folder / "idp.sqlite").write_bytes(seeded.read_bytes())
    (folder / "ca.pem").write_bytes(AUTHORITY.certificate.public_bytes(Encoding.PEM))
    with running(
        f"sqlite:///{folder}/idp.sqlite", client_certificate_header=HEADER, trusted_proxies=("127.0.0.1",),
        client_certificate_authorities=folder / "ca.pem", mtls_url="https://mtls.id.example",
    ) as provider:  # fmt: skip
        yield provider


def ask(provider: Provider, app: App, header: str | None, **options: Any) -> TestResponse:
    sent = {} if header is None else {HEADER: header}
    return provider.post("/revoke", {"token": "x", "client_id": app.id}, headers=sent, **options)


def by_authority(provider: Provider, **member: str) -> App:
    return provider.register(token_endpoint_auth_method="tls_client_auth", **member)


SUBJECTS = {
    "tls_client_auth_subject_dn": "CN=app,O=Photos", "tls_client_auth_san_dns": "app.example",
    "tls_client_auth_san_uri": "https://app.example/id", "tls_client_auth_san_email": "app@example.com",
}  # fmt: skip


@pytest.mark.spec("RFC 8705", "2.1")
@pytest.mark.parametrize("member", SUBJECTS)
def test_a_certificate_of_the_authority_for_the_registered_subject(behind: Provider, member: str) -> None:
    app = by_authority(behind, **{member: SUBJECTS[member]})
    assert ask(behind, app, MINE.header).status_code == 200
    for wrong in (None, OTHER.header, certificate(by=STRANGE).header, certificate().header, "junk", "::", ":AAAA:"):
        refused(ask(behind, app, wrong), 401, "invalid_client")


@pytest.mark.spec("RFC 8705", "2.1.2")
def test_an_address_as_subject(behind: Provider) -> None:
    assert ask(behind, by_authority(behind, tls_client_auth_san_ip="192.0.2.7"), MINE.header).status_code == 200
    refused(ask(behind, by_authority(behind, tls_client_auth_san_ip="192.0.2.8"), MINE.header), 401, "invalid_client")


@pytest.mark.spec("RFC 8705", "2.1")
def test_what_the_authority_did_not_sign_for_this(behind: Provider) -> None:
    app = by_authority(behind, tls_client_auth_subject_dn="CN=app,O=Photos")
    assert ask(behind, app, certificate(by=AUTHORITY, uses=ExtendedKeyUsageOID.CLIENT_AUTH).header).status_code == 200
    expired, server = (
        certificate(by=AUTHORITY, days=-1),
        certificate(by=AUTHORITY, uses=ExtendedKeyUsageOID.SERVER_AUTH),
    )
    for wrong in (expired, server, certificate(by=MINE)):
        refused(ask(behind, app, wrong.header), 401, "invalid_client")


@pytest.mark.spec("RFC 8705", "2.2")
def test_a_certificate_over_a_registered_key(behind: Provider) -> None:
    app = behind.register(token_endpoint_auth_method="self_signed_tls_client_auth", jwks={"keys": [SELF.jwk]})
    assert ask(behind, app, SELF.header).status_code == 200
    for wrong in (None, MINE.header, certificate("self").header):
        refused(ask(behind, app, wrong), 401, "invalid_client")
    with behind.clock.later(50 * 365 * 86400):
        refused(ask(behind, app, SELF.header), 401, "invalid_client")


@pytest.mark.spec("RFC 9440", "2.2")
def test_however_the_proxy_writes_it(behind: Provider) -> None:
    app = behind.register(token_endpoint_auth_method="self_signed_tls_client_auth", jwks={"keys": [SELF.jwk]})
    pem = SELF.certificate.public_bytes(Encoding.PEM).decode()
    for spelled in (quote(pem), pem.replace("\n", " ").strip(), base64.b64encode(SELF.der).decode()):
        assert ask(behind, app, spelled).status_code == 200


@pytest.mark.spec("RFC 8705", "6.5")
def test_only_a_proxy_we_were_told_of_is_believed(behind: Provider) -> None:
    app = behind.register(token_endpoint_auth_method="self_signed_tls_client_auth", jwks={"keys": [SELF.jwk]})
    stranger = {"REMOTE_ADDR": "203.0.113.5"}
    refused(ask(behind, app, SELF.header, environ_overrides=stranger), 401, "invalid_client")
    named = behind.post("/revoke", {"token": "x", "client_id": app.id}, headers={"idp.client_certificate": SELF.header})
    refused(named, 401, "invalid_client")


def test_a_certificate_client_cannot_pass_as_a_public_one(behind: Provider) -> None:
    app = behind.register(token_endpoint_auth_method="self_signed_tls_client_auth", jwks={"keys": [SELF.jwk]})
    refused(
        behind.post("/token", {"grant_type": "authorization_code", "code": "x", "client_id": app.id}),
        401,
        "invalid_client",
    )
    public = behind.register(token_endpoint_auth_method="none")
    assert ask(behind, public, SELF.header).status_code == 200


@pytest.mark.spec("RFC 8705", "3")
@pytest.mark.spec("RFC 8705", "3.1")
def test_a_bound_token_needs_its_certificate(behind: Provider) -> None:
    app, browser = behind.register(tls_client_certificate_bound_access_tokens=True), behind.sign_in()
    form = {
        "grant_type": "authorization_code", "code": behind.code(app, browser), "redirect_uri": app.redirect_uri,
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }  # fmt: skip
    refused(behind.post("/token", form, app), 400, "invalid_request")
    tokens = answered(behind.post("/token", form, app, headers={HEADER: MINE.header}))
    token = tokens["access_token"]
    assert (tokens["token_type"], claims_of(token)["cnf"]) == ("Bearer", {"x5t#S256": MINE.thumbprint})
    told = answered(behind.introspect(app, token))
    assert (told["cnf"], told["token_type"]) == ({"x5t#S256": MINE.thumbprint}, "Bearer")
    bearer = f"Bearer {token}"
    assert behind.get("/userinfo", Authorization=bearer, ClientCert=MINE.header).status_code == 200
    refused(behind.get("/userinfo", Authorization=bearer), 401, "invalid_token")
    refused(behind.get("/userinfo", Authorization=bearer, ClientCert=OTHER.header), 401, "invalid_token")


@pytest.mark.spec("RFC 8705", "4")
def test_the_refresh_token_of_a_public_client_needs_the_certificate(behind: Provider) -> None:
    app = behind.register(token_endpoint_auth_method="none", tls_client_certificate_bound_access_tokens=True)
    code = behind.code(app, behind.sign_in())
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": app.redirect_uri,
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }  # fmt: skip
    tokens = answered(behind.post("/token", form, app, headers={HEADER: MINE.header}))
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refused(behind.post("/token", again, app, headers={HEADER: OTHER.header}), 400, "invalid_grant")
    assert behind.post("/token", again, app, headers={HEADER: MINE.header}).status_code == 200


@pytest.mark.spec("RFC 8705", "5")
def test_the_metadata_say_where_certificates_are_asked_for(behind: Provider, provider: Provider) -> None:
    told = answered(behind.get("/.well-known/openid-configuration"))
    aliases = {name: uri.replace("https://mtls.id.example", "") for name, uri in told["mtls_endpoint_aliases"].items()}
    assert aliases == {name: told[name].removeprefix(told["issuer"]) for name in ALIASED}
    assert told["tls_client_certificate_bound_access_tokens"] is True
    assert {"tls_client_auth", "self_signed_tls_client_auth"} <= set(told["token_endpoint_auth_methods_supported"])
    without = answered(provider.get("/.well-known/openid-configuration"))
    assert not {"mtls_endpoint_aliases", "tls_client_certificate_bound_access_tokens"} & set(without)
    assert "tls_client_auth" not in without["token_endpoint_auth_methods_supported"]


def test_the_other_host_has_these_endpoints_and_no_page(behind: Provider) -> None:
    told = {"token": "x", "client_id": behind.register(token_endpoint_auth_method="none").id}
    assert behind.http.post("/revoke", base_url="https://mtls.id.example", data=told).status_code == 200
    assert behind.http.get("/login", base_url="https://mtls.id.example").status_code == 421
    assert behind.http.post("/token", base_url="https://evil.example", data={}).status_code == 421


@pytest.mark.spec("RFC 8705", "2.1.2")
@pytest.mark.parametrize("members", [
    {}, {"tls_client_auth_san_dns": "a", "tls_client_auth_san_uri": "b"}, {"tls_client_auth_san_dns": 7},
])  # fmt: skip
def test_exactly_one_subject_is_registered(behind: Provider, members: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="invalid_client_metadata"):
        by_authority(behind, **members)


def test_nobody_registers_what_cannot_work_here(provider: Provider) -> None:
    with pytest.raises(Exception, match="invalid_client_metadata"):
        by_authority(provider, tls_client_auth_san_dns="a.example")


@pytest.mark.parametrize("settings", [
    {"client_certificate_header": "ClientCert"}, {"mtls_url": "https://m.example"},
    {"client_certificate_header": "a b", "trusted_proxies": ("127.0.0.1",)},
    {"client_certificate_header": "Client-Cert", "trusted_proxies": ("127.0.0.1",)},
    {"client_certificate_header": "A", "trusted_proxies": ("127.0.0.1",), "mtls_url": "http://m.example"},
    {"client_certificate_header": "A", "trusted_proxies": ("127.0.0.1",), "mtls_url": "https://m.example/x"},
    {"client_certificate_header": "A", "trusted_proxies": ("127.0.0.1",), "client_certificate_authorities": "/none"},
])  # fmt: skip
def test_settings_that_cannot_be_meant(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        load(data_dir=tmp_path, **settings)
