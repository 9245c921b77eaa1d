"""The revocation endpoint of the fake issuer: plain JSON, server-sent events, and ways to misbehave.

A behaviour is a function that gets the connection's ``Wire`` and writes what it wants to, until
``wire.over()``. Those that keep the contract are first; the others are enemies.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Behaviour = Callable[["Wire"], None]
BEAT_SECONDS = 0.03


@dataclass
class FakeLog:
    """Entries in order, and who reads them how. ``speaks`` is what a request for events gets."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    speaks: Behaviour | None = None
    poll: float = 0.05
    page: int = 1000
    tokens: dict[str, float] = field(default_factory=dict)
    token_life: float = 3600.0
    status: int = 200
    head: int = 0
    paused: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)

    def revoke(self, kind: str, value: str, at: float | None = None, exp: int | None = None) -> None:
        """One more entry; readers get it."""
        now = time.time()
        entry = {
            "seq": self.head + 1, "kind": kind, "value": value, "at": now if at is None else at,
            "exp": int(now) + 900 if exp is None else exp,
        }  # fmt: skip
        self.entries.append(entry)
        self.head += 1

    def give_token(self) -> dict[str, Any]:
        """For the client_credentials grant with the scope ``revocations``."""
        token = f"revocations-{len(self.tokens)}"
        self.tokens[token] = time.monotonic() + self.token_life
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.token_life, "scope": "revocations"}

    def knows(self, authorization: str | None) -> bool:
        token = (authorization or "").removeprefix("Bearer ")
        return self.tokens.get(token, 0.0) > time.monotonic()

    def document(self, after: int | None) -> dict[str, Any]:
        """A page; an empty one says how far the log goes."""
        head = self.head
        new = [entry for entry in list(self.entries) if (after or 0) < entry["seq"] <= head]
        cut = new[: self.page]
        more = len(cut) < len(new)
        return {"head": cut[-1]["seq"] if more else head, "entries": cut, "more": more, "poll": self.poll}


@dataclass
class Wire:
    """One connection that asked for events."""

    log: FakeLog
    after: int
    write: Callable[[bytes], None]
    token: str

    def over(self) -> bool:
        return self.log.stopped.is_set()

    def send(self, event: str, **data: Any) -> None:
        self.write(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())

    def catch_up(self) -> None:
        """New entries, if there are any."""
        page = self.log.document(self.after)
        if page["entries"]:
            self.write(f"id: {page['head']}\n".encode())
            self.send("revocations", **page, tick=tick())
        self.after = page["head"]

    def beat(self, **changes: Any) -> None:
        self.send("heartbeat", **{"head": self.after, "tick": tick(), **changes})


def tick() -> int:
    """The server's clock, far from everybody else's."""
    return int(time.monotonic() * 1000) + 123_456_789


def honest(wire: Wire) -> None:
    """As the contract says; quiet while ``paused``, gone when its token expires."""
    while not wire.over():
        if wire.log.tokens.get(wire.token, 0.0) < time.monotonic():
            wire.send("bye", reason="token expired", retry=0.0)
            return
        if not wire.log.paused:
            wire.catch_up()
            wire.beat()
        time.sleep(BEAT_SECONDS)


def leaving(wire: Wire) -> None:
    """Honest for a moment, then an orderly end."""
    wire.catch_up()
    wire.beat()
    wire.send("bye", reason="shutdown", retry=0.01)


def breaking(wire: Wire) -> None:
    """Honest for a moment, then gone in the middle of an event."""
    wire.catch_up()
    wire.beat()
    wire.write(b"event: revocations\ndata: {")


def repeating(wire: Wire) -> None:
    """Every entry again and again, backwards, with unknown events and comments between."""
    while not wire.over():
        for entry in reversed(wire.log.entries):
            wire.send("revocations", head=entry["seq"], entries=[entry], more=False, tick=tick())
        wire.write(b": a comment\r\nevent: something new\r\ndata: ?\r\nretry: 5\r\n\r\n")
        wire.after = wire.log.head
        wire.beat()
        time.sleep(BEAT_SECONDS)


# ── enemies ──────────────────────────────────────────────────────────────────────────────────────


def silent(wire: Wire) -> None:
    """A status line and headers, and nothing more."""
    wire.log.stopped.wait()


def cut_off(wire: Wire) -> None:
    """Honest at first, then half open: nothing comes, and nothing ends."""
    wire.catch_up()
    wire.beat()
    wire.log.stopped.wait()


def buffered(wire: Wire) -> None:
    """Honest, but a relay keeps everything back for a second once the connection stands."""
    _delayed(wire, lambda sent: 1.0 if sent > 3 else 0.0)


def tardy(wire: Wire) -> None:
    """Honest, but all is delayed alike: differences of delay show nothing."""
    _delayed(wire, lambda _: 1.0)


def _delayed(wire: Wire, delay: Callable[[int], float]) -> None:
    kept: deque[tuple[float, bytes]] = deque()
    sent = 0
    true = Wire(wire.log, wire.after, lambda content: kept.append((time.monotonic(), content)), wire.token)
    while not wire.over():
        true.catch_up()
        true.beat()
        while kept and time.monotonic() - kept[0][0] >= delay(sent):
            wire.write(kept.popleft()[1])
            sent += 1
        time.sleep(BEAT_SECONDS)


def halfway(wire: Wire) -> None:
    """Says that there is more, again and again, and does not send it."""
    head = wire.after
    while not wire.over():
        wire.send("revocations", head=head, entries=wire.log.entries[:head], more=True, tick=tick())
        time.sleep(BEAT_SECONDS)


def garbage(wire: Wire) -> None:
    """No events at all."""
    wire.write(b"\xff\xfe\x00" * 5000 + b"\n\n")
    wire.log.stopped.wait(0.2)


def not_json(wire: Wire) -> None:
    wire.write(b"event: heartbeat\ndata: {\n\n")
    wire.log.stopped.wait(0.2)


def endless(wire: Wire) -> None:
    """A line that never ends."""
    while not wire.over():
        wire.write(b"data: " + b"x" * 1_000_000)


def backwards(wire: Wire) -> None:
    """Heartbeats of a log that is shorter than what we have."""
    while not wire.over():
        wire.beat(head=0)
        time.sleep(BEAT_SECONDS)


def unknown_kind(wire: Wire) -> None:
    """A revocation that this version cannot understand, and a heartbeat that says all is well."""
    entry = {"seq": wire.log.head + 1, "kind": "device", "value": "x", "at": 1.0, "exp": 4_000_000_000}
    while not wire.over():
        wire.send("revocations", head=wire.log.head + 1, entries=[entry], more=False, tick=tick())
        wire.beat(head=wire.log.head + 1)
        time.sleep(BEAT_SECONDS)
