"""SDK for APIs that accept the access tokens of an OAuth issuer; publishable alone.

Imports nothing else of ``idp`` and needs PyJWT with cryptography, and urllib3.

    verifier = Verifier("https://id.example.com", "https://api.example.com",
                        client_id="my-api", client_secret="…")
    token = verifier.verify(request.headers.get("Authorization"), scope="notes.read")

Each route says how it knows that a session lives: ``mode="local"`` believes a signed token until it
expires, ``mode="introspect"`` (the default) asks the issuer about each token (RFC 7662), ``mode="stream"``
follows the issuer's revocations and decides in memory, or asks when it cannot vouch for them.

Map: ``verifier`` is the front door, ``requirement`` what one route asks, ``possession`` what the sender of a
bound token must prove (DPoP, mutual TLS), ``seen_proofs`` and ``proof_nonces`` that a proof is new;
``signed_tokens`` checks and remembers signatures, over ``jws`` (form), ``keys`` (which may verify) and
``access_token`` (RFC 9068);
``issuer`` finds endpoints and keys (RFC 8414, RFC 7517); ``introspection`` asks; ``follower`` is the thread
that reads the revocation log, by ``log_reader``, ``event_stream``, ``revocation_page`` and ``own_token``,
into ``revocation_state`` and ``revocations``, believed as long as ``freshness`` says; ``live`` watches the
tokens of open connections; ``transport`` is the only way out to the network; ``errors`` and
``rfc9728_metadata`` hold what is answered. ``flask``, ``asgi`` (any framework), ``starlette`` (FastAPI too) and
``django`` adapt all of it, and are imported by name; each opens with an example.
"""

from .access_token import AccessToken
from .errors import (
    InsufficientScope,
    NonceWanted,
    ProofInvalid,
    StepUpRequired,
    TokenError,
    TokenInvalid,
    TokenMissing,
    VerifierUnavailable,
)
from .live import EndReason, Watch
from .possession import Sender
from .requirement import Mode, Requirement
from .rfc9728_metadata import ProtectedResource
from .verifier import Verifier

__all__ = [
    "AccessToken",
    "EndReason",
    "InsufficientScope",
    "Mode",
    "NonceWanted",
    "ProofInvalid",
    "ProtectedResource",
    "Requirement",
    "Sender",
    "StepUpRequired",
    "TokenError",
    "TokenInvalid",
    "TokenMissing",
    "Verifier",
    "VerifierUnavailable",
    "Watch",
]
