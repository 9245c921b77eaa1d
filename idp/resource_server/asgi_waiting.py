"""Checks that wait for the network, away from the event loop.

Why threads of our own: the loop's are few and the application's; with a silent issuer, checks would hold
all of them for as long as they may wait.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from .access_token import AccessToken
from .errors import VerifierUnavailable
from .forks import in_child
from .possession import Sender
from .requirement import Requirement
from .verifier import Verifier

_THREADS = 64
_GRACE_SECONDS = 1.0


class _Threads:
    """Started as they are needed, and anew in a forked child."""

    def __init__(self) -> None:
        self._begin()
        in_child(self._begin)

    def _begin(self) -> None:
        self.pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="idp-asking")


_threads = _Threads()


async def admit(
    verifier: Verifier, authorization: str | None, requirement: Requirement, sender: Sender
) -> AccessToken:  # fmt: skip
    """``Verifier.admit`` for an event loop. Raises TokenError, in time even if all threads are busy."""
    token = verifier.admit_at_once(authorization, requirement, sender)
    if token is not None:
        return token
    asking = asyncio.get_running_loop().run_in_executor(
        _threads.pool, verifier.admit, authorization, requirement, sender
    )  # fmt: skip
    try:
        return await asyncio.wait_for(asking, verifier.timeout + _GRACE_SECONDS)
    except TimeoutError:
        raise VerifierUnavailable("too many tokens are being asked about") from None
