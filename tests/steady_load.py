"""Clients that refresh and introspect without a pause, and every answer that was not the right one.

load = SteadyLoad(play, app)
with load.running(3): ...
assert load.failed == []
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from tests.races.play import App, Held, Play


@dataclass
class SteadyLoad:
    """``answered`` counts right answers."""

    play: Play
    app: App
    answered: int = 0
    failed: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self, clients: int) -> Iterator[None]:
        """So many, each with a session of its own."""
        threads = [threading.Thread(target=self._run, args=(self.play.holding(self.app),)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join(60)

    def _run(self, held: Held) -> None:
        token = held.tokens["refresh_token"]
        while not self.over.is_set():
            try:
                answer = self.play.refresh(self.app, token)
                assert answer.ok, answer
                token = answer["refresh_token"]
                assert self.play.introspect(self.app, answer["access_token"])
                self.answered += 2
            except (AssertionError, requests.RequestException, ValueError) as error:
                self.failed.append(repr(error)[:300])
