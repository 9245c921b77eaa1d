"""HTTP/1.1 to one worker at a time, under the issuer's name, on connections that are kept.

Several ``idp serve`` on ports of their own are the workers of one provider: what a proxy in front of them
would do is done here, choosing one for each request. Why not requests: a client must cost less than the server
that it loads.
"""

from __future__ import annotations

import http.client
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from .history import now

PATIENCE_SECONDS = 20.0  # longer than any answer may take: the checker, not the client, says what is late


@dataclass(frozen=True)
class Answer:
    """``status`` 0: none came, ``note`` says why."""

    at: str
    invoke: float
    complete: float
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    note: str = ""

    @property
    def unknown(self) -> bool:
        """It may have happened or not: no answer, or one that is no answer."""
        return self.status == 0 or self.status >= 500 or self.status == 429

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def location(self) -> dict[str, str]:
        """The parameters of where it leads."""
        return dict(parse_qsl(urlsplit(self.headers.get("location", "")).query))

    @property
    def cookies(self) -> dict[str, str]:
        """Those that were set."""
        lines = self.headers.get("set-cookie", "").split("\n")
        pairs = [line.split(";")[0].partition("=") for line in lines if line]
        return {name: value for name, _, value in pairs}


class Wire:
    """One client's connections; for one thread."""

    def __init__(self, issuer: str, workers: Sequence[tuple[str, int]], chance: random.Random) -> None:
        self.issuer, self.workers, self.chance = issuer, workers, chance
        self._host = urlsplit(issuer).netloc
        self._kept: dict[str, http.client.HTTPConnection] = {}

    def ask(
        self, method: str, path: str, form: Mapping[str, str] | str | None = None, *, at: str | None = None,
        **headers: str,
    ) -> Answer:  # fmt: skip
        """One request, to the worker ``at`` or to any. ``form`` as text is JSON. Raises nothing: networks don't."""
        name, port = next((w for w in self.workers if w[0] == at), None) or self.chance.choice(self.workers)
        sent = {"Host": self._host, "X-Forwarded-For": self.address()}
        sent |= {header.replace("_", "-"): value for header, value in headers.items()}
        body = form if isinstance(form, str) else None if form is None else urlencode(form)
        if body is not None:
            sent["Content-Type"] = "application/json" if isinstance(form, str) else "application/x-www-form-urlencoded"
        connection = self._kept.pop(name, None) or http.client.HTTPConnection(
            "127.0.0.1", port, timeout=PATIENCE_SECONDS
        )
        began = now()
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Answer(name, began, now(), note=type(error).__name__)
        self._kept[name] = connection
        return Answer(name, began, now(), response.status, _joined(response.getheaders()), content)

    def address(self) -> str:
        """Of one of very many people, as the proxy in front would tell it."""
        return f"10.{self.chance.randrange(256)}.{self.chance.randrange(256)}.{self.chance.randrange(256)}"

    def close(self) -> None:
        """Let go of every connection."""
        for connection in self._kept.values():
            connection.close()
        self._kept.clear()


def _joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), []).append(value)
    return {name: "\n".join(values) for name, values in found.items()}
