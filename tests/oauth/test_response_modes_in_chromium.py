"""Answers in a real browser: a posted one arrives with scripts and without, also after forms of ours."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from playwright.sync_api import Page
from werkzeug.serving import make_server

from ..journeys.browsers import CHROMIUM, chromium
from ..provider import PASSWORD, App, Provider, answered, running

pytestmark = [
    pytest.mark.journey,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: no answer was posted by a real browser"),
]


@dataclass
class Client:
    """An app's own server; what was posted to it is kept."""

    uri: str = ""
    posted: list[dict[str, list[str]]] = field(default_factory=list)


@pytest.fixture
def client() -> Iterator[Client]:
    found = Client()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """And sends the browser on, as apps do: the page that posted must not forbid it."""
            found.posted.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(303)
            self.send_header("Location", "/signed-in")
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>Welcome</h1>")

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.uri = f"http://127.0.0.1:{server.server_address[1]}/callback"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def served(database: str) -> Iterator[Provider]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(database, issuer=f"http://localhost:{port}") as provider:
        server = make_server("127.0.0.1", port, provider.flask, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield provider
        server.shutdown()


def ask(page: Page, provider: Provider, app: App, **changes: Any) -> None:
    query = urlencode(provider.request(app, response_mode="form_post", state="a b&<c>", **changes))
    page.goto(f"{provider.settings.issuer}/authorize?{query}")


@pytest.mark.spec("OAuth 2.0 Form Post Response Mode", "2")
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_posted_answer_arrives(served: Provider, client: Client, scripts: bool) -> None:
    """pages.md 67: after sign-in and consent, which are forms of ours, and again without any."""
    served.person()
    app = served.register(redirect_uris=[client.uri])
    with chromium() as browser:
        page = browser.new_context(java_script_enabled=scripts).new_page()
        ask(page, served, app)
        page.get_by_label("Email").fill("ada@example.com")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("button", name="Allow", exact=True).click()
        for _ in range(2):
            if not scripts:
                page.get_by_role("button", name="Continue to").click()
            page.wait_for_url("**/signed-in", timeout=30_000)
            assert page.inner_text("h1") == "Welcome"
            answer = client.posted.pop()
            assert answer["state"] == ["a b&<c>"]
            assert answer["iss"] == [served.settings.issuer]
            assert answered(served.redeem(app, answer["code"][0]))["access_token"]
            ask(page, served, app)
    assert not any("error" in answer for answer in client.posted)
