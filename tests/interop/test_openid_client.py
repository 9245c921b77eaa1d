"""npm ``openid-client`` v6 in Node: registration, code flow, refresh, introspection, revocation, logout."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from idp.demo.people import ADA
from idp.demo.places import JOB_ID, Places
from tests.user_agent import UserAgent

from .conftest import NODE, sign_in_and_allow

REDIRECT, AFTER = "https://client.example/cb", "https://client.example/bye"


def browse(browser: UserAgent, url: str) -> str:
    """Be the person: sign in and allow where asked, confirm signing out where asked."""
    page = browser.get(url)
    if "Email" in page.text and page.leaving is None:
        page = sign_in_and_allow(browser)
    for button in ("Allow", "Sign out"):
        if page.leaving is None and button in page.buttons:
            page = browser.submit(button)
    assert page.leaving is not None, page.text
    return page.leaving


def test_openid_client(provider: Places, browser: UserAgent, node_modules: Path) -> None:
    arguments = {
        "issuer": provider.issuer, "redirectUri": REDIRECT, "postLogoutUri": AFTER, "resource": provider.api,
        "job": {"id": JOB_ID, "secret": provider.secret(JOB_ID)},
    }  # fmt: skip
    command = ["node", "openid_client.mjs", json.dumps(arguments)]
    with subprocess.Popen(
        command, cwd=NODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        assert node.stderr is not None
        seen = None
        for line in node.stdout:
            message = json.loads(line)
            if (seen := message.get("seen")) is not None:
                break
            node.stdin.write(browse(browser, message["browse"]) + "\n")
            node.stdin.flush()
        complaint = node.stderr.read()
    assert (node.returncode, seen is not None) == (0, True), complaint
    assert seen["userinfo"]["email"] == ADA.email
    assert seen["introspection"]["sid"] == seen["sid"]
    assert set(seen["introspection"]["aud"]) == {provider.issuer, provider.api}
    assert seen["api_after_revocation"] == "invalid_token"
    assert (seen["machine"]["sub"], "sid" in seen["machine"]) == (JOB_ID, False)
