"""What a client registers about subjects and answers (OpenID Connect Registration 2, Core 8.1, RFC 9701 6)."""

from __future__ import annotations

from typing import Any

import pytest

from idp.domain.metadata_members import MetadataProblem
from idp.domain.openid_metadata import check_sector, openid
from idp.domain.subject import sector_of

from ..builders import a_client


@pytest.mark.spec("OpenID Connect Dynamic Client Registration 1.0", "2")
def test_what_can_be_honoured_is_kept() -> None:
    asked = {
        "id_token_signed_response_alg": "EdDSA", "userinfo_signed_response_alg": "ES256",
        "introspection_signed_response_alg": "PS256", "subject_type": "pairwise",
        "sector_identifier_uri": "https://sector.example/redirects.json", "default_max_age": 60,
        "require_auth_time": True, "default_acr_values": ["aal2", "aal1"],
    }  # fmt: skip
    assert openid(asked) == asked


@pytest.mark.spec("OpenID Connect Dynamic Client Registration 1.0", "2")
@pytest.mark.parametrize("member", [
    {"id_token_signed_response_alg": "none"}, {"id_token_signed_response_alg": "HS256"},
    {"userinfo_signed_response_alg": ["RS256"]}, {"introspection_signed_response_alg": "none"},
    {"id_token_encrypted_response_alg": "RSA-OAEP"}, {"userinfo_encrypted_response_enc": "A128GCM"},
    {"introspection_encrypted_response_alg": "RSA-OAEP"}, {"subject_type": "private"},
    {"sector_identifier_uri": "http://sector.example/"}, {"sector_identifier_uri": "https://x.example/#f"},
    {"default_max_age": True}, {"require_auth_time": "yes"}, {"default_acr_values": "aal1"},
    {"default_acr_values": ["two words"]}, {"default_acr_values": ["x" * 257]}, {"default_acr_values": [1]},
])  # fmt: skip
def test_what_cannot_is_refused_by_name(member: dict[str, Any]) -> None:
    with pytest.raises(MetadataProblem) as refused:
        openid(member)
    assert refused.value.code == "invalid_client_metadata"
    assert next(iter(member)) in refused.value.text


@pytest.mark.spec("OpenID Connect Core 1.0", "8.1")
@pytest.mark.parametrize("uris", [
    ("https://a.example/cb", "https://b.example/cb"), ("com.example.app:/cb",), (),
    ("https://a.example/cb", "com.example.app:/cb"),
])  # fmt: skip
def test_pairwise_without_one_host_needs_a_sector(uris: tuple[str, ...]) -> None:
    with pytest.raises(MetadataProblem, match="sector_identifier_uri"):
        check_sector({"subject_type": "pairwise"}, uris)
    check_sector({"subject_type": "pairwise", "sector_identifier_uri": "https://s.example/"}, uris)
    check_sector({"subject_type": "public"}, uris)


@pytest.mark.spec("OpenID Connect Core 1.0", "8.1")
def test_which_sector_a_client_belongs_to() -> None:
    by_uri = a_client(metadata={"sector_identifier_uri": "https://Sector.example/a.json"})
    assert sector_of(by_uri) == "sector.example"
    assert sector_of(a_client(redirect_uris=("https://a.example/1", "https://a.example:8443/2"))) == "a.example"
    native = a_client(redirect_uris=("com.example.app:/cb",))
    assert sector_of(native) == native.client_id, "alone, if ever an operator's client has no host"
