"""OpenID Connect Back-Channel Logout 1.0: clients are told, server to server, that a session has ended.

Section 2.4: the logout token is typed (``logout+jwt``), names the ``sid`` of the client session as well
as the ``sub``, lives for two minutes, and never has a ``nonce``. It is signed when it is sent, so that a
key that was rotated away meanwhile signs nothing. Its ``jti`` is the message's id and stays the same in
every repetition (section 2.6, step 8).

Section 2.5 on repetition: "should not retransmit … unless the OP suspects that previous transmissions
may have failed due to potentially recoverable errors". Those are: no answer, 5xx, 408, 425, 429. What was
answered otherwise (400; a redirect, which is not followed) counts as refused and is repeated twice, for
a receiver may hold keys or a clock that a minute mends.
"""

from __future__ import annotations

from typing import Any

from .. import jose
from ..domain.key import DEFAULT_ALG
from ..domain.outbox import OutboxMessage
from ..domain.ports import Clients, Clock
from ..outgoing import FetchRefused, Outgoing, Unreachable
from ..services.deliveries import DeliveryFailed, Undeliverable
from ..services.keys import Keys
from .core_id_token import signing_alg

TYP = "logout+jwt"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFE_SECONDS = 120
ACCEPTED = (200, 204)
_RECOVERABLE = (408, 425, 429)


class BackchannelLogout:
    """Sends one notice to one client."""

    def __init__(self, issuer: str, keys: Keys, clients: Clients, clock: Clock, outgoing: Outgoing) -> None:
        self._issuer = issuer
        self._keys = keys
        self._clients = clients
        self._clock = clock
        self._outgoing = outgoing

    def send(self, message: OutboxMessage) -> None:
        """Section 2.5. Returns once the client has accepted it (section 2.8); raises DeliveryFailed otherwise."""
        uri = self._uri(message)
        try:
            status = self._outgoing.post_form(uri, {"logout_token": self.token(message)})
        except Unreachable as error:
            raise DeliveryFailed(str(error)) from None
        except FetchRefused as error:
            raise DeliveryFailed(str(error), refused=True) from None
        if status not in ACCEPTED:
            raise DeliveryFailed(f"status {status}", refused=status < 500 and status not in _RECOVERABLE)

    def token(self, message: OutboxMessage) -> str:
        """Section 2.4, signed as the client's ID tokens are."""
        now, told = int(self._clock.now().timestamp()), message.payload
        claims: dict[str, Any] = {
            "iss": self._issuer, "sub": told["sub"], "aud": told["client_id"], "iat": now, "exp": now + LIFE_SECONDS,
            "jti": str(message.id), "sid": told["sid"], "events": {EVENT: {}},
        }  # fmt: skip
        client = self._clients.get(str(told["client_id"]))
        return jose.sign(claims, self._keys.signer(signing_alg(client) if client else DEFAULT_ALG), typ=TYP)

    def _uri(self, message: OutboxMessage) -> str:
        """As registered now; a client deleted since is told where it was when the session ended."""
        client = self._clients.get(str(message.payload["client_id"]))
        registered = client.metadata if client is not None else message.payload
        uri = registered.get("backchannel_logout_uri" if client is not None else "uri")
        if not isinstance(uri, str):
            raise Undeliverable("the client has no backchannel_logout_uri any more")
        return uri
