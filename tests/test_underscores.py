"""Whether the proxy in front of us drops headers with underscores, asked through one."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from idp.cli.findings import GOOD, WARN, Check
from idp.cli.server_checks import proxy_checks
from idp.settings import Settings

from .provider import Provider, alone, database, seeded

__all__ = ["alone", "database", "seeded"]


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch, alone: Provider) -> Iterator[str]:
    """The provider behind a proxy that passes everything, but what ``dropped`` says."""

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = {name: value for name, value in self.headers.items() if name != "Host"}
            passed = {name: value for name, value in sent.items() if not Dropping.on or "_" not in name}
            answer = alone.get(self.path, **passed)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    monkeypatch.setattr(Dropping, "on", False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Dropping:
    """Does the proxy drop headers with underscores?"""

    on = False


def of_proxy(url: str) -> Check:
    [check] = proxy_checks(Settings(issuer=url, trusted_proxies=("127.0.0.1",)))
    return check


def test_a_proxy_that_passes_underscores_is_found(proxied: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clients could say for themselves where they come from: X_Forwarded_For."""
    check = of_proxy(proxied)
    assert (check.level, "X_Forwarded_For" in check.text) == (WARN, True)
    monkeypatch.setattr(Dropping, "on", True)
    assert of_proxy(proxied).level == GOOD


def test_where_nobody_answers_nothing_is_known() -> None:
    assert of_proxy("http://127.0.0.1:9").level == WARN
    assert list(proxy_checks(Settings(issuer="http://127.0.0.1:9"))) == []
