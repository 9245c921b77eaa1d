"""OpenID Connect Core 1.0 section 3.1.2.1 (Authentication Request): the parameters it adds.

Syntax and verification only; what follows from them is one pure function, ``domain.decision``.
Request objects (section 6) have become parameters before they come here (``rfc9101_request_object``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ..domain.claims import LOCALES, is_language_tag, scope_of_claim
from ..domain.client import Client
from ..domain.scope import OPENID
from ..errors import TokenRejected
from ..oauth.requests import Parameters, invalid_request
from ..services.subjects import Subjects
from .core_id_token import IdTokens

PROMPTS = ("none", "login", "consent", "select_account")
CREATE = "create"
DISPLAYS = ("page", "popup", "touch", "wap")
_NUMBER = re.compile(r"[0-9]{1,9}")
_SECTION = "OpenID Connect Core 3.1.2.1"


class AuthenticationRequests:
    """The extension of the authorization endpoint."""

    def __init__(self, id_tokens: IdTokens, subjects: Subjects, *, user_registration: bool) -> None:
        self._id_tokens = id_tokens
        self._subjects = subjects
        self._prompts = prompts(user_registration=user_registration)

    def read(self, parameters: Parameters, client: Client) -> dict[str, Any]:
        """Members of AuthorizationRequest. Raises ProtocolError, to be told to the client."""
        claims = _open_to(client, _claims(parameters))
        acr_values, essential = _acr(parameters, claims, client)
        return {
            "nonce": parameters.get("nonce"),
            "prompt": _prompt(parameters, self._prompts),
            "max_age": _max_age(parameters, client),
            "login_hint": parameters.get("login_hint"),
            "hinted_sub": self._hinted_sub(parameters, claims, client),
            "acr_values": acr_values,
            "acr_essential": essential,
            "ui_locales": _locales(parameters, "ui_locales"),
            "display": _display(parameters),
            "claims": {**claims, LOCALES: locales} if (locales := _locales(parameters, "claims_locales")) else claims,
        }

    def _hinted_sub(self, parameters: Parameters, claims: Mapping[str, Any], client: Client) -> UUID | None:
        """Whose sign-in is wanted: the subject of ``id_token_hint``, and a ``sub`` asked for by value (3.1.2.2).

        All of them must be met; of several values the first one is (they stand in order of preference).
        """
        wanted = _wanted_subs(claims)
        if (hint := parameters.get("id_token_hint")) is not None:
            try:
                wanted.append((str(self._id_tokens.read_hint(hint)["sub"]),))
            except TokenRejected:
                raise invalid_request("id_token_hint is not an ID token of ours", _SECTION) from None
        if not wanted:
            return None
        common = [subject for subject in wanted[0] if all(subject in others for others in wanted)]
        owner = self._subjects.owner(common[0], client) if common else None
        return owner or UUID(int=0)  # nobody: whoever is signed in is not who was asked for


def prompts(*, user_registration: bool) -> tuple[str, ...]:
    """What ``prompt`` may be: ``create`` only where people may make accounts (User Registration 1.0 section 4)."""
    return (*PROMPTS, CREATE) if user_registration else PROMPTS


def _prompt(parameters: Parameters, known: tuple[str, ...]) -> tuple[str, ...]:
    prompt = tuple(dict.fromkeys(parameters.get("prompt", "").split()))
    if unknown := [value for value in prompt if value not in known]:
        raise invalid_request(f"prompt: {unknown[0][:40]} is unknown", _SECTION)
    if "none" in prompt and len(prompt) > 1:
        raise invalid_request("prompt: none stands alone", _SECTION)
    return prompt


def _max_age(parameters: Parameters, client: Client) -> int | None:
    text = parameters.get("max_age")
    if text is None:
        default = client.metadata.get("default_max_age")
        return default if isinstance(default, int) else None
    if not _NUMBER.fullmatch(text):
        raise invalid_request("max_age must be a number of seconds", _SECTION)
    return int(text)


def _claims(parameters: Parameters) -> dict[str, Any]:
    """Section 5.5: a JSON object with ``userinfo`` and ``id_token``; other members are ignored."""
    text = parameters.get("claims")
    if text is None:
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid_request("claims is not JSON", "OpenID Connect Core 5.5") from None
    if not isinstance(document, dict):
        raise invalid_request("claims must be a JSON object", "OpenID Connect Core 5.5")
    return {where: _members(document[where]) for where in ("userinfo", "id_token") if where in document}


def _open_to(client: Client, claims: dict[str, Any]) -> dict[str, Any]:
    """Without claims whose scope the client may not ask for (ASVS 10.4.11); protocol claims stay."""

    def allowed(name: str) -> bool:
        return (scope := scope_of_claim(name)) is None or scope in client.scope

    return {where: {name: wish for name, wish in members.items() if allowed(name)} for where, members in claims.items()}


def _members(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > 50:
        raise invalid_request("claims: userinfo and id_token must be JSON objects", "OpenID Connect Core 5.5")
    return {str(name): _request(member) for name, member in value.items() if _plain(str(name))}


def _request(member: Any) -> dict[str, Any] | None:
    """Section 5.5.1: null, or an object with ``essential``, ``value``, ``values``; texts, numbers, true and false."""
    if member is None:
        return None
    if not isinstance(member, dict):
        raise invalid_request("claims: each request is null or a JSON object", "OpenID Connect Core 5.5.1")
    kept: dict[str, Any] = {}
    if member.get("essential") is True:
        kept["essential"] = True
    wanted = [member.get("value"), *(member["values"] if isinstance(member.get("values"), list) else [])]
    present = [item for item in wanted if item is not None][:20]
    if present:  # any other value is kept as one that nobody has: a demand nobody can meet
        kept["values"] = [item if _comparable(item) else "" for item in present]
    return kept


def _comparable(item: Any) -> bool:
    return _plain(item) if isinstance(item, str) else isinstance(item, int) and abs(item) < 2**53


def _plain(text: str) -> bool:
    return len(text) <= 256 and text.isprintable()


def _locales(parameters: Parameters, name: str) -> tuple[str, ...]:
    """Language tags, best first; what is no tag is no language anybody could have asked for."""
    return tuple(tag for tag in parameters.get(name, "").split(" ")[:10] if is_language_tag(tag))


def _display(parameters: Parameters) -> str | None:
    """How the page should look. One that nobody defined counts as not sent: any page is better than none."""
    display = parameters.get("display")
    return display if display in DISPLAYS else None


def _acr(parameters: Parameters, claims: Mapping[str, Any], client: Client) -> tuple[tuple[str, ...], bool]:
    """Which classes of authentication are asked for, and whether nothing else will do.

    ``acr`` as an essential claim with values is a demand (Core 5.5.1.1). ``acr_values`` is a wish where
    the ID token tells what came of it (Core 3.1.2.1), but a demand where the request is for the token of
    an API, which sent its client here to get just that (RFC 9470 section 5). ``default_acr_values`` is the
    client's standing wish (OpenID Connect Registration 1.0 section 2).
    """
    asked = claims.get("id_token", {}).get("acr") or {}
    if asked.get("values"):
        return tuple(_text(item) for item in asked["values"]), bool(asked.get("essential"))
    if "acr_values" in parameters:
        for_api = bool(parameters.lists["resource"]) or OPENID not in parameters.get("scope", "").split()
        return tuple(parameters["acr_values"].split()[:10]), for_api
    default = client.metadata.get("default_acr_values")
    return tuple(str(item) for item in default) if isinstance(default, list) else (), False


def _wanted_subs(claims: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """By ``id_token`` and by ``userinfo`` (Core 5.5.1), best first. One that is no text names nobody."""
    found = [(claims.get(where, {}).get("sub") or {}).get("values") for where in ("id_token", "userinfo")]
    return [tuple(_text(value) for value in values) for values in found if values]


def _text(item: Any) -> str:
    return item if isinstance(item, str) else ""
