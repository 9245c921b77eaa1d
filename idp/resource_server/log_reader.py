"""Reading the issuer's revocation log: snapshot, then events, or plain JSON where there are none.

One connection at a time. Where the issuer answers a request for events with plain JSON, it is asked
again as often as that says. A stream that proves nothing for two seconds (silent, half open, held up in
a buffer) is given up, and plain JSON is asked for a while before events are tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing, suppress

from .clock import Clock, ticking
from .errors import VerifierUnavailable
from .event_stream import Event, events
from .freshness import Lateness
from .issuer import Issuer
from .own_token import OwnToken
from .revocation_page import Page, PageRefused, read_bye, read_heartbeat, read_json, read_page
from .revocation_state import RevocationState
from .transport import Opened, Transport

log = logging.getLogger(__name__)

PATIENCE = 2.0
_SNAPSHOT_SECONDS = 30.0
_MOST_BYTES = 32 * 1024 * 1024
_MOST_PAGES = 10_000
_LEAST_POLL, _MOST_POLL = 0.02, 5.0
_PLAIN_FIRST, _PLAIN_LONGEST = 5.0, 60.0
_WORTHY = 10.0  # a stream that proved so long is worth another try at once, however it ended
_EVENTS, _JSON = "text/event-stream", "application/json"


class LogSetBack(Exception):
    """410: the log does not reach as far as we say we have read (a restored backup)."""


class LogReader:
    """For one thread; ``cut`` is for others. ``bound`` is for how many seconds a proof of freshness holds.

    ``stopped`` is looked at between events. ``proofs`` counts; ``by`` is ``events`` or ``polling``, and
    empty before there was a proof.
    """

    def __init__(
        self,
        issuer: Issuer,
        transport: Transport,
        own_token: OwnToken,
        state: RevocationState,
        bound: float,
        stopped: Callable[[], bool],
        tick: Clock = ticking,
    ) -> None:
        self._issuer, self._transport, self._own_token, self._state = issuer, transport, own_token, state
        self._bound, self._stopped, self._tick = bound, stopped, tick
        self.head: int | None = None
        self.proofs, self.by = 0, ""
        self._opened: Opened | None = None
        self._plain_until, self._plain_for = float("-inf"), _PLAIN_FIRST
        self._proved_at = float("-inf")

    def follow(self) -> float:
        """Follow for as long as this connection goes; for how many seconds to pause then.

        Raises LogSetBack, TooManyError or VerifierUnavailable.
        """
        if not self.by:  # not begun, or lost: the endpoint may have moved
            self._issuer.look_again()
        if self.head is None:
            self._take_snapshot()
        asked = self._tick()
        with closing(self._open(self.head, _JSON if asked < self._plain_until else _EVENTS)) as opened:
            if opened.content_type == _EVENTS:
                return self._read_stream(opened, asked)
            page = self._page(opened, asked + PATIENCE)
        self._take(page)
        if page.more:
            return 0.0
        self._prove(asked)
        self._say("polling")
        return max(0.0, asked + min(max(page.poll, _LEAST_POLL), _MOST_POLL) - self._tick())

    def cut(self) -> None:
        """Whoever waits in ``follow`` need not wait any longer."""
        if (opened := self._opened) is not None:
            opened.cut()

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    def _take_snapshot(self) -> None:
        """Everything that may matter, page by page; nothing is proved before the last of them."""
        after: int | None = None
        for _ in range(_MOST_PAGES):
            asked = self._tick()
            with closing(self._open(after, _JSON)) as opened:
                page = self._page(opened, asked + _SNAPSHOT_SECONDS)
            self._state.apply(page.entries)
            if not page.more:
                self.head = page.head
                self._prove(asked)
                return
            if after is not None and page.head <= after:
                break
            after = page.head
        raise PageRefused("the snapshot of the revocation log does not end")

    def _open(self, after: int | None, accept: str) -> Opened:
        """Ask the endpoint. Raises LogSetBack, or VerifierUnavailable for all but a 200."""
        self._renewed()
        url = self._address(after)
        headers = {"Authorization": f"Bearer {self._own_token.get()}", "Accept": accept}
        opened = self._opened = self._transport.open(url, headers, PATIENCE)
        if opened.status == 200:
            return opened
        opened.close()
        if opened.status == 410 and after is not None:
            raise LogSetBack
        if opened.status in (401, 403):
            self._own_token.forget()
        raise VerifierUnavailable(f"{url} answered {opened.status}")

    def _address(self, after: int | None) -> str:
        url = self._issuer.endpoint("revocations_endpoint")
        if after is None:
            return url
        return f"{url}{'&' if '?' in url else '?'}after={after}"

    def _renewed(self) -> bool:
        """Has the next token come, if it was time for it? If not, the present one has some life left."""
        if self._own_token.due():
            with suppress(VerifierUnavailable):
                self._own_token.renew()
                return True
        return False

    def _page(self, opened: Opened, deadline: float) -> Page:
        if opened.content_type != _JSON:
            raise PageRefused(f"the revocation endpoint sent {opened.content_type!r:.60}")
        return read_page(opened.document(_MOST_BYTES, deadline))

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    def _read_stream(self, opened: Opened, asked: float) -> float:
        try:
            return self._read_events(opened, asked)
        finally:
            if self._proved_at - asked >= _WORTHY:
                self._plain_for = _PLAIN_FIRST
            elif self._tick() - self._proved_at >= PATIENCE:
                self._plain_until = self._tick() + self._plain_for
                self._plain_for = min(2 * self._plain_for, _PLAIN_LONGEST)

    def _read_events(self, opened: Opened, asked: float) -> float:
        lateness, self._proved_at = Lateness(self._bound, asked), asked
        for event in events(opened.pieces()):
            if event.name == "bye":
                return read_bye(read_json(event.data))
            self._take_event(event, lateness)
            if self._stopped() or self._renewed():
                return 0.0
            if self._tick() - self._proved_at > PATIENCE:
                raise VerifierUnavailable("the revocation stream proves nothing")
        raise VerifierUnavailable("the revocation stream ended")

    def _take_event(self, event: Event, lateness: Lateness) -> None:
        """A page or a heartbeat; anything else is of a later version and passed over."""
        received = self._tick()
        if event.name == "heartbeat":
            beat = read_heartbeat(read_json(event.data))
            self._advance(beat.head)
            self._prove_by_tick(received, beat.tick, lateness)
        elif event.name == "revocations":
            page = read_page(read_json(event.data))
            self._state.apply(page.entries)
            behind = self.head is not None and page.head < self.head  # sent twice, or out of order
            self.head = self.head if behind else page.head
            if page.tick is not None and not page.more and not behind:
                self._prove_by_tick(received, page.tick, lateness)

    def _prove_by_tick(self, received: float, tick: float, lateness: Lateness) -> None:
        """A tick of zero is no time: the server has not read its log to the end."""
        if tick and (moment := lateness.read_at(received, tick)) is not None:
            self._prove(moment)
            self._say("events")

    def _take(self, page: Page) -> None:
        self._state.apply(page.entries)
        self._advance(page.head)

    def _advance(self, head: int) -> None:
        if self.head is not None and head < self.head:
            raise PageRefused("the revocation log goes backwards")
        self.head = head

    def _prove(self, moment: float) -> None:
        self._state.prove(moment + self._bound)
        self._proved_at = moment
        self.proofs += 1

    def _say(self, by: str) -> None:
        if self.by != by:
            self.by = by
            log.info("following the revocation log of %s by %s", self._issuer.issuer, by)
