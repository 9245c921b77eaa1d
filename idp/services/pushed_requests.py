"""Pushed authorization requests: kept, found again by their own client, answered once (RFC 9126).

Why one is used up by its answer and not by being looked at: people reload, and browsers fetch ahead
(section 4; FAPI 2.0 Security Profile section 5.3.2.2, note). Any number of tabs may show the sign-in
page of one request; one of them alone gets an answer, by one atomic claim in the transaction that makes
it (P4).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from ..domain.client import Client
from ..domain.interaction import AuthorizationRequest
from ..domain.ports import Stores
from ..domain.pushed_request import PushedRequest
from ..errors import ProtocolError
from ..settings import Settings
from .sessions import secret_hash

_REFERENCE = re.compile(r"[A-Za-z0-9_-]{43}")


class PushedRequests:
    """Keep and find pushed requests."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self._stores = stores
        self.life = settings.pushed_request_life

    def push(self, client: Client, parameters: Sequence[tuple[str, str]], *, signed: bool) -> str:
        """Keep a request that has been checked; its reference, good for ``life`` seconds."""
        now = self._stores.clock.now()
        reference = self._stores.randomness.token()
        self._stores.pushed_requests.add(
            PushedRequest(
                reference_hash=secret_hash(reference), client_id=client.client_id, parameters=tuple(parameters),
                signed=signed, created_at=now, expires_at=now + timedelta(seconds=self.life),
            )
        )  # fmt: skip
        return reference

    def find(self, reference: str, client: Client) -> PushedRequest | None:
        """What this client pushed, unless it has expired or been answered (section 2.2: bound to the client)."""
        found = self._stores.pushed_requests.get(secret_hash(reference)) if _REFERENCE.fullmatch(reference) else None
        if found is None or found.client_id != client.client_id or found.used_at is not None:
            return None
        return found if self._stores.clock.now() < found.expires_at else None

    def answer(self, request: AuthorizationRequest) -> None:
        """Use it up, if it was pushed. In the transaction of the answer; raises ProtocolError if it is used up."""
        if request.pushed_as is None:
            return
        if not self._stores.pushed_requests.claim(bytes.fromhex(request.pushed_as), self._stores.clock.now()):
            raise ProtocolError("invalid_request_uri", "request_uri was used before", section="RFC 9126 4")
