"""SDK for APIs that accept the access tokens of an OAuth issuer; publishable alone.

Imports nothing else of ``idp`` and needs PyJWT with cryptography, and urllib3.

    verifier = Verifier("https://id.example.com", "https://api.example.com",
                        client_id="my-api", client_secret="…")
    token = verifier.verify(request.headers.get("Authorization"), scope="notes.read")

``mode="local"`` believes a signed token until it expires. ``mode="introspect"`` (the default) also
asks the issuer about each token (RFC 7662), so that an ended session is noticed on the next call.

Map: ``verifier`` is the front door; ``access_token`` says what is in a token (RFC 9068); ``issuer``
finds endpoints and keys (RFC 8414, RFC 7517); ``keys`` decides which keys may verify; ``introspection``
asks; ``transport`` is the only way out to the network; ``errors`` holds the answers of RFC 6750
section 3; ``flask`` adapts all of it to Flask and is imported by name.
"""

from .access_token import AccessToken
from .errors import InsufficientScope, TokenError, TokenInvalid, TokenMissing, VerifierUnavailable
from .verifier import Mode, Verifier

__all__ = [
    "AccessToken",
    "InsufficientScope",
    "Mode",
    "TokenError",
    "TokenInvalid",
    "TokenMissing",
    "Verifier",
    "VerifierUnavailable",
]
