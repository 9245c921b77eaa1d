"""The API as a protected resource: its public metadata and its refusals (RFC 9728 sections 2, 3 and 5).

The document is published at a place derived from the resource's identifier, which is the verifier's
audience. A client that is refused learns the place from ``resource_metadata`` in the challenge, and from
the document which issuer to go to and which scopes there are. An audience that is no address has neither.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from .errors import PROOF_ALGS, TokenError, VerifierUnavailable
from .requirement import words
from .transport import origin_of
from .verifier import Verifier

log = logging.getLogger(__name__)

_WELL_KNOWN = "/.well-known/oauth-protected-resource"


class Reply(NamedTuple):
    """An HTTP answer, ready for any framework. ``body`` is JSON."""

    status: int
    headers: dict[str, str]
    body: bytes


class ProtectedResource:
    """One API: whom it believes, what it is called, what it publishes of itself.

    ``realm`` goes into challenges (RFC 9110 section 11.5); ``name``, ``scopes`` and ``documentation`` into
    the metadata, for people and clients. All of it is public.
    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        realm: str | None = None,
        name: str | None = None,
        scopes: str | Iterable[str] = (),
        documentation: str | None = None,
    ) -> None:
        self.verifier, self.realm = verifier, realm
        self.metadata_url, self.metadata_path = _place(verifier.audience)
        known: dict[str, Any] = {
            "resource": verifier.audience,
            "authorization_servers": [verifier.issuer],
            "scopes_supported": list(words(scopes)),
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": list(PROOF_ALGS),
            "resource_name": name,
            "resource_documentation": documentation,
        }
        # section 3.2: parameters without a value are left out
        self._document = json.dumps({name: value for name, value in known.items() if value}).encode()

    def metadata(self) -> Reply:
        """The document; for any origin to read, as clients in browsers must."""
        headers = {
            "Content-Type": "application/json",
            "Cache-Control": "public, max-age=300",
            "Access-Control-Allow-Origin": "*",
        }
        return Reply(200, headers, self._document)

    def refusal(self, error: TokenError) -> Reply:
        """The answer to a request that may not pass. What is not for the public goes to the log."""
        if isinstance(error, VerifierUnavailable):
            log.warning("a token could not be checked: %s", error.detail)
        headers = {"Content-Type": "application/json", **error.headers(self.realm, self.metadata_url)}
        return Reply(error.status, headers, json.dumps(error.body()).encode())


def _place(resource: str) -> tuple[str | None, str | None]:
    """Section 3.1: the well-known part goes between host and path; as URL, and as path to serve."""
    try:
        origin_of(resource)
        parts = urlsplit(resource)
    except ValueError:
        return None, None
    path = _WELL_KNOWN + ("" if parts.path == "/" else parts.path)
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")), path
