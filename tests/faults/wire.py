"""HTTP/1.1 to one worker at a time, under the issuer's name, on connections that are kept.

Several ``idp serve`` on ports of their own are the workers of one provider: what a proxy in front of them
would do is done here, choosing one for each request. Why not requests: a client must cost less than the server
that it loads.

A bare wire tells of every connection that failed. One with a ``Proxy`` does what a reverse proxy does while its
servers are replaced one after the other, so what is left is what clients would notice:

- who is refused a connection goes to the next server;
- where a kept connection ends before any byte of an answer, the request is sent once more on a new one: the server
  had closed an idle connection, and the two crossed (RFC 9112 section 9.3.1). That is right only if no server had
  begun with the request, so each bears a name (``X-Request-ID``), and the application notes those it begins with;
- half of all requests come on a connection of their own, as they do by a proxy that keeps none.
"""

from __future__ import annotations

import http.client
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from .history import now

REFUSED = ConnectionRefusedError.__name__
_UNANSWERED = (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)
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
    def told(self) -> str:
        """Why there was none; of one that failed, the name by which the log of its server knows it."""
        return self.note if self.status < 500 else f"request {self.headers.get('x-request-id', '?')}"

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


@dataclass
class Proxy:
    """What the wires of a crowd share: the names of requests that a kept connection did not take."""

    untaken: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Asked:
    """One request, as it is sent; ``name`` tells it from all others."""

    method: str
    path: str
    body: str | None
    headers: Mapping[str, str]
    name: str


class Wire:
    """One client's connections; for one thread."""

    def __init__(
        self, issuer: str, workers: Sequence[tuple[str, int]], chance: random.Random, proxy: Proxy | None = None
    ) -> None:
        self.issuer, self.workers, self.chance, self.proxy = issuer, workers, chance, proxy
        self._host = urlsplit(issuer).netloc
        self._kept: dict[str, http.client.HTTPConnection] = {}

    def ask(
        self, method: str, path: str, form: Mapping[str, str] | str | None = None, *, at: str | None = None,
        **headers: str,
    ) -> Answer:  # fmt: skip
        """One request, to the worker ``at`` or to any. ``form`` as text is JSON. Raises nothing: networks don't."""
        sent = {"Host": self._host, "X-Forwarded-For": self.address()}
        sent |= {header.replace("_", "-"): value for header, value in headers.items()}
        body = form if isinstance(form, str) else None if form is None else urlencode(form)
        if body is not None:
            sent["Content-Type"] = "application/json" if isinstance(form, str) else "application/x-www-form-urlencoded"
        first = next((w for w in self.workers if w[0] == at), None) or self.chance.choice(self.workers)
        began, answer = now(), Answer(first[0], 0, 0)
        for worker in self._servers(first):
            answer = self._once(worker, began, _Asked(method, path, body, sent, self._name()))
            if answer.note != REFUSED:
                break
        return answer

    def _servers(self, first: tuple[str, int]) -> Iterator[tuple[str, int]]:
        """A proxy knows others, and begins again with the first where it had a kept connection to it."""
        yield first
        if self.proxy is not None:
            yield from self.chance.sample(self.workers, len(self.workers))

    def _once(self, worker: tuple[str, int], began: float, asked: _Asked) -> Answer:
        """One attempt; behind a proxy a second one, where a kept connection did not take the first."""
        name, port = worker
        kept = self._kept.pop(name, None)
        connection = kept or http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        headers = {**asked.headers, **({"X-Request-ID": asked.name} if self.proxy else {})}
        try:
            connection.request(asked.method, asked.path, asked.body, headers)
            response = connection.getresponse()
        except _UNANSWERED as error:
            connection.close()
            if kept is None or self.proxy is None:
                return Answer(name, began, now(), note=type(error).__name__)
            self.proxy.untaken.append(asked.name)
            return self._once(worker, began, replace(asked, name=self._name()))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Answer(name, began, now(), note=type(error).__name__)
        return self._read(name, began, connection, response)

    def _read(
        self, name: str, began: float, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> Answer:  # fmt: skip
        try:
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Answer(name, began, now(), note=f"{type(error).__name__} in the answer")
        if self.keeps():
            self._kept[name] = connection
        else:
            connection.close()
        return Answer(name, began, now(), response.status, _joined(response.getheaders()), content)

    def _name(self) -> str:
        return UUID(int=self.chance.getrandbits(128)).hex

    def keeps(self) -> bool:
        """Is a connection good for another request? Behind a proxy half of them are not."""
        return self.proxy is None or self.chance.random() < 0.5

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
