"""The provider as the suite would meet it: ``idp serve`` with two workers, asked over real connections.

A proxy would stand before it and say from where requests come; the adapter says so in its place. Operators' acts
(a client, a rotated key) are done in this process, over the same database, as ``idp`` on the command line would.
Nobody moves the clock of other processes: what is to be later is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.provider import ISSUER, MASTER_KEY, MovedClock
from tests.running import RunningProvider, running

LONGEST_WAIT = 70.0


class WaitingClock(MovedClock):
    """Real time; ``later`` is when it is later."""

    def move(self, seconds: float) -> None:
        """Forward by waiting, back by nothing."""
        if seconds > LONGEST_WAIT:
            pytest.skip(f"{seconds:.0f} s are not waited for; with a clock that is moved this test runs")
        time.sleep(max(0.0, seconds))


class ServedAdapter(HTTPAdapter):
    """Mounted at the issuer, goes to the port where it is served. ``address`` is what the proxy says."""

    def __init__(self, port: int, address: str) -> None:
        super().__init__()
        self._port = port
        self._told = {"Host": urlsplit(ISSUER).netloc, "X-Forwarded-For": address}

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        """One exchange; the answer says the address that was asked for."""
        asked = request.url or ""
        request.headers.update(self._told)
        request.url = asked.replace(ISSUER, f"http://127.0.0.1:{self._port}", 1)
        response = super().send(request, *args, **{**options, "proxies": None})
        request.url = response.url = asked
        return response


@contextmanager
def served(folder: Path, url: str, certificate: Path, settings: Mapping[str, str]) -> Iterator[RunningProvider]:
    """Workers that believe ``certificate``. Notices are delivered by whoever asks this process to."""
    made = RunningProvider(
        folder, url,
        settings={
            "IDP_ISSUER": ISSUER, "IDP_MASTER_KEY": MASTER_KEY, "IDP_CLIENT_REGISTRATION": "open",
            "IDP_TRUSTED_PROXIES": "127.0.0.1", "IDP_HOUSEKEEPING": "off", "SSL_CERT_FILE": str(certificate),
            **settings,
        },
    )  # fmt: skip
    with running(made):
        yield made
