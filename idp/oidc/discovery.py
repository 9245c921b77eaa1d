"""OpenID Connect Discovery 1.0 sections 3 and 4, over RFC 8414: one document at both addresses.

Bytes are made once per change of what they say: the operator's scopes are looked up at most every few
seconds, and an unreachable database leaves the last document in place (reliability.md F-21).
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass

from flask import Blueprint, Flask, Response

from ..domain.ciba_metadata import MODES
from ..domain.claims import KNOWN
from ..domain.key import SIGNING_ALGS
from ..domain.session import ACR_SUPPORTED
from ..domain.subject import SUBJECT_TYPES
from ..errors import Unavailable
from ..oauth.responses import Answer
from ..oauth.rfc7517_jwks import conditional, document
from ..oauth.rfc8414_metadata import metadata
from ..services.authorization_details import AuthorizationDetails
from ..services.resources import Resources
from ..settings import Settings
from .core_request import DISPLAYS, prompts

MAX_AGE_SECONDS = 300
_FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Made:
    answer: Answer
    at: float


class DiscoveryEndpoint:
    """GET /.well-known/openid-configuration and /.well-known/oauth-authorization-server."""

    def __init__(self, settings: Settings, resources: Resources, details: AuthorizationDetails) -> None:
        self._settings = settings
        self._resources = resources
        self._details = details
        self._made: _Made | None = None

    paths = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
    documents = ((paths[0], "openid_configuration"), (paths[1], "oauth_server"))

    def mount(self, blueprint: Blueprint) -> None:
        """Where it stands, under the issuer."""
        for path, name in self.documents:
            blueprint.add_url_rule(path, name, self.get, methods=["GET"], provide_automatic_options=False)

    def mount_before_path(self, app: Flask) -> None:
        """RFC 8414 section 3.1: for an issuer with a path, the well-known segment stands before it."""
        if prefix := self._settings.path_prefix:
            app.add_url_rule(f"{self.paths[1]}{prefix}", "oauth_server_of_path", self.get, methods=["GET"])

    def get(self) -> Response:
        """The document, or 304."""
        return conditional(self.answer())

    def answer(self) -> Answer:
        """The document; the same object while it is the same."""
        made = self._made
        if made is not None and time.monotonic() - made.at < _FRESH_SECONDS:
            return made.answer
        made = self._made = self._make(made)
        return made.answer

    def _make(self, made: _Made | None) -> _Made:
        try:
            scopes = [scope.name for _resource, scopes in self._resources.list() for scope in scopes]
            types = [kind.name for kind in self._details.list()]
        except Unavailable:
            if made is not None:
                return _Made(made.answer, time.monotonic())
            scopes, types = [], []
        body = json.dumps(openid_metadata(self._settings, scopes, types), separators=(",", ":")).encode()
        if made is not None and made.answer.body == body:
            return _Made(made.answer, time.monotonic())
        return _Made(document(body, hashlib.sha256(body).hexdigest()[:32], MAX_AGE_SECONDS), time.monotonic())


def openid_metadata(settings: Settings, own_scopes: list[str], detail_types: list[str]) -> dict[str, object]:
    """RFC 8414 metadata with the members of OpenID Connect Discovery 1.0 section 3."""
    return {
        **metadata(settings, own_scopes, detail_types),
        "userinfo_endpoint": settings.url("/userinfo"),
        "end_session_endpoint": settings.url("/logout"),
        "backchannel_authentication_endpoint": settings.url("/bc-authorize"),
        "backchannel_token_delivery_modes_supported": list(MODES),
        "backchannel_user_code_parameter_supported": False,
        "backchannel_authentication_request_signing_alg_values_supported": list(SIGNING_ALGS),
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "subject_types_supported": list(SUBJECT_TYPES),
        "id_token_signing_alg_values_supported": list(settings.signing_algs),
        "userinfo_signing_alg_values_supported": list(settings.signing_algs),
        "claim_types_supported": ["normal"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", *KNOWN],
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "authorization_signing_alg_values_supported": list(settings.signing_algs),
        "request_object_signing_alg_values_supported": list(SIGNING_ALGS),
        "prompt_values_supported": list(prompts(user_registration=settings.user_registration)),
        "acr_values_supported": list(ACR_SUPPORTED),
        "display_values_supported": list(DISPLAYS),
    }
