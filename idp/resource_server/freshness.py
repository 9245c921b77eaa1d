"""What proves that the revocations in memory are all there are (design 4.3).

A heartbeat says "I have just read the log, up to here" at a tick of the server's clock. It proves freshness
for the bound, 250 ms unless set otherwise, from that reading on. When that was by our own clock is known but
for the connection's ordinary delay: the smallest difference between receipt and tick that it has shown. So a
sign that stood in some buffer for half the bound is believed for half of it, and one that stood there for
longer than all of it proves nothing.

Why the first sign of a connection must come within two bounds of asking for it: everything that comes
over a connection was sent after we asked, so that first delay, against which all others are measured, is
itself known to be small. Else a relay that delays everything alike would never be noticed. (At worst, with
a relay that means harm, an API is three bounds behind; without one, a bound and the ordinary delay.)

An answer in plain JSON proves freshness as of the moment the *request* was sent.
"""

from __future__ import annotations

import math

FIRST_SIGN_BOUNDS = 2.0


class Lateness:
    """The ordinary delay of one connection, opened at ``asked``; all in seconds."""

    def __init__(self, bound: float, asked: float) -> None:
        self._bound, self._asked = bound, asked
        self._smallest = math.inf

    def read_at(self, received: float, tick: float) -> float | None:
        """When, by our clock, the log was read that a sign tells of; None if the sign proves nothing now."""
        if self._smallest == math.inf and received - self._asked > FIRST_SIGN_BOUNDS * self._bound:
            return None
        self._smallest = min(self._smallest, received - tick)
        moment = tick + self._smallest
        return moment if received - moment <= self._bound else None
