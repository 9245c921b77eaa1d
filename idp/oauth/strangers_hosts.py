"""A brake for each place on fetches that come to nothing (RFC 9101 section 10.4.1; CIMD section 6.6).

Whoever names a server that is silent holds one of our threads for as long as a fetch may take (``fetch_slots``
says how many at a time). What is answered at once costs next to nothing and is not counted, so that many people
behind one address, whose apps work, never meet this. What is answered late is counted: a server that takes its
time and then says something good would otherwise hold that thread for ever. What was not asked for, because we
are busy, is not: else whoever keeps us busy would have others counted out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..domain.ports import Clock, Throttles
from ..domain.throttle import vain_fetch_brakes
from ..errors import Throttled
from ..outgoing import Busy

AT_ONCE_SECONDS = 0.5


class StrangersHosts:
    """Counts for the address of the request that is being answered."""

    def __init__(self, throttles: Throttles, clock: Clock, address_of_request: Callable[[], str]) -> None:
        self._throttles = throttles
        self._clock = clock
        self._address = address_of_request

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Around a fetch; one that raises, or takes long, has come to nothing. Raises Throttled."""
        brakes, began = vain_fetch_brakes(self._address()), time.monotonic()
        if wait := self._throttles.take(brakes, self._clock.now()):
            raise Throttled(wait)
        try:
            yield
        except Busy:
            self._throttles.give_back(brakes, self._clock.now())
            raise
        if time.monotonic() - began < AT_ONCE_SECONDS:
            self._throttles.give_back(brakes, self._clock.now())
