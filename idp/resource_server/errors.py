"""Every refusal an API can answer, with its status and challenge (RFC 6750 section 3).

    TokenError
    ├── TokenMissing          401, a challenge without an error code (section 3.1, last paragraph)
    ├── TokenInvalid          401 invalid_token
    ├── ProofInvalid          401 invalid_dpop_proof (RFC 9449 section 7.1)
    ├── NonceWanted           401 use_dpop_nonce, with the nonce to use (RFC 9449 section 9)
    ├── StepUpRequired        401 insufficient_user_authentication (RFC 9470): sign in again, or better
    ├── InsufficientScope     403 insufficient_scope, names the scope that is needed
    └── VerifierUnavailable   503 with Retry-After: nobody could say, so nobody is let in

A challenge also says where the metadata of the API are (``resource_metadata``, RFC 9728 section 5.1),
if it has some.

Why 503 and not 401 when the issuer is silent: a 401 tells an honest app that its token is dead, and
it would throw a good sign-in away. Why not 200: the session may have ended.
"""

from __future__ import annotations

from collections.abc import Iterable

PROOF_ALGS = ("ES256", "EdDSA", "PS256")
"""By which a DPoP proof may be signed."""


def _quoted(text: str) -> str:
    """A quoted-string holding only what RFC 6750 section 3 allows in ``error_description``."""
    return '"' + "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in text) + '"'


class TokenError(Exception):
    """The request may not pass. ``description`` is public; ``error`` is None where no code is due."""

    status = 401
    error: str | None = None
    scheme = "Bearer"

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description

    def parameters(self) -> dict[str, str]:
        """What the challenge says, in order."""
        if self.error is None:
            return {}
        return {"error": self.error, "error_description": self.description}

    def challenge(self, realm: str | None = None, metadata: str | None = None) -> str:
        """The value of ``WWW-Authenticate``; ``metadata`` is the address of the API's own (RFC 9728)."""
        algs = " ".join(PROOF_ALGS) if self.scheme == "DPoP" else None
        known = {"realm": realm, **self.parameters(), "algs": algs, "resource_metadata": metadata}
        parameters = {name: value for name, value in known.items() if value}
        listed = ", ".join(f"{name}={_quoted(value)}" for name, value in parameters.items())
        return f"{self.scheme} {listed}".rstrip()

    def headers(self, realm: str | None = None, metadata: str | None = None) -> dict[str, str]:
        """The headers of the answer; it must not be cached, as it is true of this moment alone."""
        return {"WWW-Authenticate": self.challenge(realm, metadata), "Cache-Control": "no-store"}

    def body(self) -> dict[str, str]:
        """A JSON body for programs; RFC 6750 asks for none, people who debug do."""
        return {"error": self.error or "token_missing", "error_description": self.description}


class TokenMissing(TokenError):
    """The request carries no bearer token."""

    def __init__(self, description: str = "send an access token: Authorization: Bearer ...") -> None:
        super().__init__(description)


class TokenInvalid(TokenError):
    """The token is malformed, expired, for somebody else, or its session has ended."""

    error = "invalid_token"


class ProofInvalid(TokenError):
    """The DPoP proof that came with the token is missing or does not hold (RFC 9449 section 7.1)."""

    error = "invalid_dpop_proof"


class NonceWanted(TokenError):
    """The DPoP proof must be made anew, with ``nonce`` in it (RFC 9449 sections 8 and 9)."""

    error = "use_dpop_nonce"

    def __init__(self, nonce: str) -> None:
        super().__init__("the DPoP proof must name the nonce that this answer gives")
        self.nonce = nonce

    def headers(self, realm: str | None = None, metadata: str | None = None) -> dict[str, str]:
        """Section 8.1: the nonce has a header of its own."""
        return {**super().headers(realm, metadata), "DPoP-Nonce": self.nonce}


class StepUpRequired(TokenError):
    """The token is good, but this needs its person to sign in better, or again (RFC 9470 section 3).

    ``scope`` is what the request needs, if the token lacks that too.
    """

    error = "insufficient_user_authentication"

    def __init__(self, acr_values: Iterable[str], max_age: int | None, scope: Iterable[str] = ()) -> None:
        self.acr_values, self.max_age, self.scope = tuple(acr_values), max_age, tuple(scope)
        super().__init__("this needs a stronger or more recent sign-in")

    def parameters(self) -> dict[str, str]:
        """Section 3: what the client puts into its next authorization request."""
        said = {**super().parameters(), "acr_values": " ".join(self.acr_values), "scope": " ".join(self.scope)}
        return {**said, **({} if self.max_age is None else {"max_age": str(self.max_age)})}


class InsufficientScope(TokenError):
    """The token is good but does not reach so far. ``scope`` is what the request needs."""

    status = 403
    error = "insufficient_scope"

    def __init__(self, scope: Iterable[str]) -> None:
        self.scope = tuple(scope)
        super().__init__(f"this needs the scope {' '.join(self.scope)}")

    def parameters(self) -> dict[str, str]:
        """Section 3: ``scope`` tells the client what to ask for."""
        return {**super().parameters(), "scope": " ".join(self.scope)}


class VerifierUnavailable(TokenError):
    """The issuer did not give an answer that could be used. ``retry_after`` is in whole seconds.

    ``description`` is public; ``detail`` is for the log alone, as it may name inner addresses.
    """

    status = 503
    error = "temporarily_unavailable"

    def __init__(self, detail: str, retry_after: int = 2) -> None:
        super().__init__("the token could not be checked just now")
        self.detail = detail
        self.retry_after = retry_after

    def headers(self, realm: str | None = None, metadata: str | None = None) -> dict[str, str]:  # noqa: ARG002 - the root's signature
        """No challenge: it would tell the client that its token is at fault."""
        return {"Retry-After": str(self.retry_after), "Cache-Control": "no-store"}

    def __str__(self) -> str:
        return self.detail
