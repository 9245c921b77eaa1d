"""A real browser: one Chromium, a profile per person, and a watch over everything it complains of."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
FULL = bool(os.environ.get("JOURNEY_FULL"))
OUTPUT = Path(__file__).parents[2] / "test-output" / "journeys"
PATIENCE = 20_000

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.0 Mobile/15E148 Safari/604.1"
)
MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Mobile Safari/537.36"
)  # fmt: skip
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"
)

# What Chromium prints for any answer that is no 2xx; the tests look at the status themselves.
_EXPECTED = re.compile(r"^Failed to load resource: the server responded with a status of (4\d\d|503) ")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Started once, closed at the end: Playwright allows one at a time in a thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What one tab did and complained of. ``issues`` are DevTools' own, so they come with scripts off too."""

    page: Page
    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    received: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        devtools = self.page.context.new_cdp_session(self.page)
        devtools.on("Audits.issueAdded", self._issue)
        devtools.on("Network.responseReceived", self._headers)
        devtools.on("Network.loadingFinished", self._finished)
        devtools.send("Audits.enable")
        devtools.send("Network.enable")
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request))

    def _issue(self, event: dict[str, Any]) -> None:
        issue = event["issue"]
        if issue["code"] == "ContentSecurityPolicyIssue":
            self.violations.append(str(issue["details"]["contentSecurityPolicyIssueDetails"]))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _EXPECTED.match(message.text):
            self.errors.append(message.text)

    def _headers(self, event: dict[str, Any]) -> None:
        self.received[event["requestId"]] = 0.0

    def _finished(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self.received:
            self.received[event["requestId"]] = event["encodedDataLength"]

    # ── questions ────────────────────────────────────────────────────────────────────────────────

    @property
    def complaints(self) -> list[str]:
        """Must be empty: policy violations, script errors, warnings."""
        return [*self.violations, *self.errors]

    @property
    def fetched(self) -> list[str]:
        """What the pages loaded for themselves; going elsewhere by navigation is not it."""
        return [request.url for request in self.requests if not request.is_navigation_request()]

    @property
    def posts(self) -> list[str]:
        """Addresses of forms sent, in order: a repeated one would show a resubmission."""
        return [request.url for request in self.requests if request.method == "POST"]

    @property
    def transferred(self) -> int:
        """Bytes over the wire, headers included, of what came from the network."""
        return round(sum(self.received.values()))

    def restart(self) -> None:
        """Forget everything so far."""
        for kept in (self.violations, self.errors, self.requests, self.received):
            kept.clear()


@dataclass
class Profile:
    """One person's browser: its own cookies and history. ``tab`` opens further tabs of it."""

    context: BrowserContext
    page: Page = field(init=False)
    watch: Watch = field(init=False)
    watches: list[Watch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE)
        self.page, self.watch = self._open()

    def tab(self) -> Page:
        """One more tab, watched as well."""
        return self._open()[0]

    def _open(self) -> tuple[Page, Watch]:
        page = self.context.new_page()
        watch = Watch(page)
        self.watches.append(watch)
        return page, watch

    @property
    def complaints(self) -> list[str]:
        """Of all its tabs."""
        return [complaint for watch in self.watches for complaint in watch.complaints]
