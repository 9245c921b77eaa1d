"""npm ``openid-client`` v6 against a server of its own: device grant, FAPI 2.0 (PAR, JAR, JARM, DPoP), CIBA."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jwt.algorithms import ECAlgorithm

from idp.domain.client import ClientOrigin
from idp.domain.fapi2 import Fapi2
from tests.conformance.keys import Key, key
from tests.running import Operator, RunningProvider, operating, running
from tests.user_agent import UserAgent

from .conftest import NODE

pytestmark = pytest.mark.slow

EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
REDIRECT = "https://client.example/cb"
CIBA = "urn:openid:params:grant-type:ciba"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningProvider]:
    with running(RunningProvider(tmp_path, workers=1, settings={"IDP_CLIENT_REGISTRATION": "open"})) as made:
        yield made


def a_client(operator: Operator, signing: Key, fapi2: Fapi2 | None, **members: Any) -> dict[str, Any]:
    """An operator's client with a key; what node must know of it."""
    metadata = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [signing.jwk]}, **members}
    with operator.stores.work():
        made = operator.services.clients.create(metadata, origin=ClientOrigin.OPERATOR, fapi2=fapi2).client
    private = json.loads(ECAlgorithm.to_jwk(signing.private))
    private.pop("key_ops", None)
    return {"id": made.client_id, "jwk": {**private, "kid": signing.jwk["kid"]}}


def prepared(server: RunningProvider) -> dict[str, Any]:
    with operating(server) as operator:
        with operator.stores.work():
            operator.services.accounts.create(EMAIL, PASSWORD, {"name": "Ada"}, email_verified=True)
        return {
            "issuer": server.issuer, "redirectUri": REDIRECT, "email": EMAIL,
            "fapi": a_client(
                operator, key("ES256", "fapi"), Fapi2.MESSAGE_SIGNING, client_name="Bank", redirect_uris=[REDIRECT],
                scope="openid email",
            ),
            "till": a_client(
                operator, key("ES256", "till"), None, client_name="Till", redirect_uris=[], grant_types=[CIBA],
                backchannel_token_delivery_mode="poll", scope="openid email",
            ),
        }  # fmt: skip


def answer(browser: UserAgent, wish: dict[str, str], issuer: str) -> str:
    """Be the person: go there, sign in, and press what leads on."""
    browser.get(wish.get("browse") or wish.get("device") or f"{issuer}/account/requests")
    for _ in range(8):
        page = browser.page
        if page.leaving is not None:
            return page.leaving
        if "Sign in" in page.buttons:
            browser.submit("Sign in", Email=EMAIL, Password=PASSWORD)
        elif pressed := [name for name in page.buttons if name in ("Allow", "Continue")]:
            browser.submit(pressed[0])
            if "browse" not in wish and pressed[0] == "Allow":
                return "allowed"
        elif waiting := [url for url in page.links().values() if "/account/requests/" in url]:
            browser.get(waiting[0])
        else:
            break
    raise AssertionError(f"{wish}: {browser.page!r} {browser.page.buttons}\n{browser.page.text[:1500]}")


@pytest.mark.timeout(300)
def test_openid_client_extensions(server: RunningProvider, node_modules: Path) -> None:
    command = ["node", "openid_client_extensions.mjs", json.dumps(prepared(server))]
    seen: dict[str, Any] = {}
    with (
        UserAgent(server.issuer) as browser,
        subprocess.Popen(
            command, cwd=NODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as node,
    ):
        assert node.stdin is not None
        assert node.stdout is not None
        assert node.stderr is not None
        for line in node.stdout:
            message = json.loads(line)
            if "seen" in message:
                seen = message["seen"]
                break
            node.stdin.write(answer(browser, message, server.issuer) + "\n")
            node.stdin.flush()
        complaint = node.stderr.read()
    assert seen, complaint
    assert seen["device"] == {"email": EMAIL, "refreshed": True}
    assert seen["fapi"] == {"email": EMAIL, "type": "dpop"}
    assert seen["ciba"] == {"email": EMAIL}
