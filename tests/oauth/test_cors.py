"""CORS where browser apps need it, without credentials, and nowhere else (interop.md 18; security.md C)."""

from __future__ import annotations

import pytest

from ..provider import Provider

DOCUMENTS = [
    "/.well-known/jwks.json", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
]  # fmt: skip
OPEN = ["/token", "/userinfo", "/revoke", *DOCUMENTS]
CLOSED = ["/authorize", "/logout", "/login", "/account", "/register", "/introspect", "/consent", "/healthz", "/nowhere"]
ORIGIN = {"Origin": "https://spa.example"}


@pytest.mark.parametrize("path", OPEN)
def test_a_preflight_is_answered(provider: Provider, path: str) -> None:
    asked = ORIGIN | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    response = provider.http.options(path, base_url=provider.base, headers=asked)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert {"GET", "POST"} <= set(response.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "dpop"))
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("path", OPEN)
def test_answers_and_errors_are_open(provider: Provider, path: str) -> None:
    for method in ("GET", "POST"):
        response = provider.http.open(path, base_url=provider.base, method=method, headers=ORIGIN, data={"x": "y"})
        if response.status_code != 405:
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert path in DOCUMENTS or "WWW-Authenticate" in response.headers["Access-Control-Expose-Headers"]
            assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("path", CLOSED)
def test_the_rest_is_closed(provider: Provider, path: str) -> None:
    """CVE-2024-41657."""
    for method in ("GET", "POST", "OPTIONS"):
        response = provider.http.open(path, base_url=provider.base, method=method, headers=ORIGIN)
        assert not [name for name, _value in response.headers if name.startswith("Access-Control-")], method
