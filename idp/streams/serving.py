"""Serving one follower: a plain page, a page that waits, or a stream.

Why joining cannot miss anything: a follower is a place in the log and nothing else. What it is sent next is
whatever follows that place, from the window if it reaches back so far, else from storage, and the place
moves by what was sent; there is no moment of subscribing to race with.

Why every answer waits for a reading that began after the request came: then a plain answer says how things
stood when it was asked for, and a place beyond the head is known to be one that this log never reached.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..domain.ports import Clock
from ..oauth.requests import Received
from ..oauth.revocation_log import PAGE, POLL_SECONDS, Asked, Following, document, encoded, gone
from ..oauth.rfc6750_bearer import invalid_token
from . import wire
from .hub import DISMISSED, EXPIRED, SLOW, Follower, Hub
from .window import Part, Window

Write = Callable[[bytes], Awaitable[None]]

_GOLDEN = 0.6180339887498949  # its multiples modulo one are spread evenly (Knuth, TAOCP 6.4)


@dataclass(frozen=True, slots=True)
class _Frame:
    body: bytes
    head: int
    more: bool


class Serving:
    """Used on the event loop alone; storage is asked in ``pool``."""

    def __init__(
        self, following: Following, window: Window, hub: Hub, pool: ThreadPoolExecutor, clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._following = following
        self._window = window
        self._hub = hub
        self._pool = pool
        self._clock = clock
        self._monotonic = monotonic
        self._frames: dict[int, _Frame] = {}
        self._frames_of = -1

    async def asked(self, received: Received) -> Asked:
        """Read and authenticate a request, in the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._following.asked, received)

    def seat(self, asked: Asked) -> Follower:
        """A place among the followers until the token expires. Raises Unavailable."""
        return self._hub.join(asked.token, asked.token.exp - self._clock.now().timestamp())

    async def reach(self, after: int | None) -> None:
        """Wait for a fresh reading. Raises Unavailable, and ProtocolError (410) for a place beyond it."""
        await self._hub.fresh(self._monotonic())
        if after is not None and after > self._window.head:
            raise gone()

    # ── plain answers ────────────────────────────────────────────────────────────────────────────

    async def page(self, asked: Asked, follower: Follower | None) -> bytes:
        """What follows; with a follower, the answer may wait until there is something."""
        await self.reach(asked.after)
        part = await self._part(asked.after or 0)
        end = self._monotonic() + asked.wait
        while follower and not follower.ending and not part.entries and (left := end - self._monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    follower.beat = await self._hub.beat(follower.beat)
            except TimeoutError:
                break
            part = await self._part(asked.after or 0)
        if follower and follower.ending in (DISMISSED, EXPIRED):
            raise invalid_token()
        return document(part.head, part.more, part.entries, poll=POLL_SECONDS)

    async def _part(self, place: int) -> Part:
        return self._window.after(place, PAGE) or await self._stored(place)

    async def _stored(self, place: int) -> Part:
        """Further back than the window reaches."""
        page = await asyncio.get_running_loop().run_in_executor(self._pool, self._following.page, place)
        return Part(page.head, page.more, tuple(map(encoded, page.entries)))

    # ── streams ──────────────────────────────────────────────────────────────────────────────────

    async def stream(self, asked: Asked, follower: Follower, write: Write) -> None:
        """Everything from a place on, for as long as the follower may stay, and a good-bye."""
        follower.place = asked.after or 0
        await self._greet(follower, write)
        while not follower.ending:
            follower.beat = await self._hub.beat(follower.beat)
            if not follower.ending:
                await self._tell(follower, write)
        if follower.ending != SLOW:
            await write(wire.bye(follower.ending, follower.number * _GOLDEN % 1))

    async def _greet(self, follower: Follower, write: Write) -> None:
        """The first event says where the follower stands, also when there is nothing to tell."""
        part = await self._part(follower.place)
        follower.beat = self._hub.beats
        tick = 0 if part.more else self._hub.tick
        await self._write(
            follower, write, _Frame(wire.revocations(part.head, part.more, part.entries, tick), part.head, part.more)
        )
        if part.more:
            await self._tell(follower, write)

    async def _tell(self, follower: Follower, write: Write) -> None:
        """All that follows its place; a heartbeat if that is nothing."""
        more = True
        while more and not follower.ending:
            frame = await self._frame(follower.place)
            await self._write(follower, write, frame)
            more = frame.more

    async def _frame(self, place: int) -> _Frame:
        """Made once for all who stand at the same place. Cut-off pages prove nothing and have no tick."""
        if self._frames_of != self._hub.beats:
            self._frames.clear()
            self._frames_of = self._hub.beats
        if place not in self._frames:
            tick = self._hub.tick  # before the look, which is newer
            part = await self._part(place)
            if part.entries:
                body = wire.revocations(part.head, part.more, part.entries, 0 if part.more else tick)
            else:
                body = wire.heartbeat(part.head, tick)
            self._frames[place] = _Frame(body, part.head, part.more)
        return self._frames[place]

    async def _write(self, follower: Follower, write: Write, frame: _Frame) -> None:
        follower.sending_since = self._monotonic()
        await write(frame.body)
        follower.sending_since = None
        follower.place = frame.head
