"""What proves that the revocations in memory are all there are (design 4.3).

A heartbeat says "I have just read the log, up to here" at a tick of the server's clock. Received, it
proves freshness for the bound, 250 ms unless set otherwise; but only if it is not *late*: the smallest
difference between its receipt and its tick that this connection has shown is its ordinary delay, and one
that exceeds that by more than the bound stood in some buffer and proves nothing.

Why the first sign of a connection must come within two bounds of asking for it: everything that comes
over a connection was sent after we asked, so that first delay, against which all others are measured, is
itself known to be small. Else a relay that delays everything alike would never be noticed.

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

    def late(self, received: float, tick: float) -> bool:
        """Does a sign with this tick, received now, prove nothing?"""
        if self._smallest == math.inf and received - self._asked > FIRST_SIGN_BOUNDS * self._bound:
            return True
        self._smallest = min(self._smallest, received - tick)
        return received - tick - self._smallest > self._bound
