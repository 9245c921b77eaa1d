"""RFC 9728: what an API publishes of itself, where, and how a refused client finds it."""

from __future__ import annotations

import json

import pytest

from idp.resource_server import ProtectedResource, TokenMissing, Verifier, VerifierUnavailable

ISSUER = "https://id.example.com"


def resource(audience: str, **options: str) -> ProtectedResource:
    return ProtectedResource(Verifier(ISSUER, audience, mode="local"), **options)  # type: ignore[arg-type]


@pytest.mark.spec("RFC 9728", "3.1")
@pytest.mark.parametrize(
    ("audience", "url", "path"),
    [
        ("https://api.example", "https://api.example/.well-known/oauth-protected-resource",
         "/.well-known/oauth-protected-resource"),
        ("https://api.example/", "https://api.example/.well-known/oauth-protected-resource",
         "/.well-known/oauth-protected-resource"),
        ("https://api.example/v1", "https://api.example/.well-known/oauth-protected-resource/v1",
         "/.well-known/oauth-protected-resource/v1"),
        ("https://api.example:8443/v1/", "https://api.example:8443/.well-known/oauth-protected-resource/v1/",
         "/.well-known/oauth-protected-resource/v1/"),
        ("https://api.example/a?k=v", "https://api.example/.well-known/oauth-protected-resource/a?k=v",
         "/.well-known/oauth-protected-resource/a"),
        ("my-api", None, None), ("urn:example:api", None, None), ("https://[", None, None),
    ],
)  # fmt: skip
def test_the_place(audience: str, url: str | None, path: str | None) -> None:
    made = resource(audience)
    assert (made.metadata_url, made.metadata_path) == (url, path)


@pytest.mark.spec("RFC 9728", "2")
def test_the_document() -> None:
    reply = resource("https://api.example/v1", name="Notes", scopes="notes.read notes.write").metadata()
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(reply.body) == {
        "resource": "https://api.example/v1",
        "authorization_servers": [ISSUER],
        "scopes_supported": ["notes.read", "notes.write"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "PS256"],
        "resource_name": "Notes",
    }


@pytest.mark.spec("RFC 9728", "5.1")
def test_a_challenge_names_it() -> None:
    refused = resource("https://api.example", realm="notes").refusal(TokenMissing())
    assert refused.headers["WWW-Authenticate"] == (
        'Bearer realm="notes", resource_metadata="https://api.example/.well-known/oauth-protected-resource"'
    )
    assert resource("my-api").refusal(TokenMissing()).headers["WWW-Authenticate"] == "Bearer"


def test_silence_is_no_challenge_and_its_cause_not_public(caplog: pytest.LogCaptureFixture) -> None:
    refused = resource("https://api.example").refusal(VerifierUnavailable("http://10.0.0.1 is down"))
    assert refused.status == 503
    assert "WWW-Authenticate" not in refused.headers
    assert b"10.0.0.1" not in refused.body
    assert "10.0.0.1" in caplog.text
