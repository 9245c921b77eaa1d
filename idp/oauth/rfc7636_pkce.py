"""RFC 7636 (PKCE): S256 only, required by default (RFC 9700 section 2.1.1, ASVS 10.4.6).

Section 4.2 and 4.3: what an authorization request must bring. Section 4.6: what the token request
must prove. ``plain`` and an absent method are refused: the default of section 4.3 is ``plain``, which
protects against nothing that reads the request. A verifier where no challenge was sent is refused, so
that a challenge stripped on the way is noticed (RFC 9700 section 4.8.2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

from ..domain.client import Client
from ..errors import ProtocolError
from .requests import invalid_request

METHODS = ("S256",)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


def required(client: Client, setting: str) -> bool:
    """Must this client send a challenge? Public clients and FAPI 2.0 always; others as the operator says."""
    if client.public or client.fapi2 is not None:
        return True
    if client.pkce_required is not None:
        return client.pkce_required
    return setting == "all"


def read_challenge(parameters: Mapping[str, str], client: Client, setting: str) -> str | None:
    """The challenge of an authorization request (section 4.3), or invalid_request (section 4.4.1)."""
    challenge, method = parameters.get("code_challenge"), parameters.get("code_challenge_method")
    if challenge is None:
        if method is not None:
            raise invalid_request("code_challenge_method without code_challenge", "RFC 7636 4.3")
        if required(client, setting):
            raise invalid_request("code_challenge is missing", "RFC 7636 4.4.1, RFC 9700 2.1.1")
        return None
    if method != "S256":
        raise invalid_request("code_challenge_method must be S256", "RFC 7636 4.4.1, RFC 9700 2.1.1")
    if not _CHALLENGE.fullmatch(challenge):
        raise invalid_request("code_challenge must be 43 characters of base64url", "RFC 7636 4.2")
    return challenge


def check_verifier(challenge: str | None, verifier: str | None) -> None:
    """Raises invalid_grant unless the verifier proves the challenge (section 4.6)."""
    if challenge is None:
        if verifier is not None:
            raise ProtocolError(
                "invalid_grant", "code_verifier without a code_challenge before", section="RFC 9700 4.8.2"
            )
        return
    if verifier is None:
        raise ProtocolError("invalid_grant", "code_verifier is missing", section="RFC 7636 4.6")
    if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(_s256(verifier), challenge.encode()):
        raise ProtocolError("invalid_grant", "code_verifier does not fit the code_challenge", section="RFC 7636 4.6")


def _s256(verifier: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
