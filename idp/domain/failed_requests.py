"""What is said to the developer of an app whose authorization request failed (RFC 6749 section 4.1.2.1).

Fixed words alone: the developer page is reached by an address that anybody can write, so whatever that
names is looked up here, and what is not here is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ERRORS = {
    "invalid_request": "A parameter is missing, repeated, malformed, or not allowed beside another.",
    "invalid_request_object": "The signed request object cannot be verified, or holds something it must not.",
    "invalid_request_uri": "The request_uri is unknown, used, expired, not registered, or cannot be fetched.",
    "request_not_supported": "Request objects must be signed.",
    "request_uri_not_supported": "What stands at the request_uri must be signed.",
    "invalid_scope": "The scope is malformed, or nothing of it is open to the app.",
    "invalid_target": "A resource is unknown to this provider.",
    "invalid_authorization_details": "A detail is malformed, of an unknown type, or not as its type describes.",
    "unauthorized_client": "The app is not registered for what it asked.",
    "unsupported_response_type": "The only response type is code; implicit and hybrid flows are not offered.",
    "temporarily_unavailable": "Too many requests, or a part of the service does not answer. Try again soon.",
}

PARAMETERS = {
    "client_id": "The id of the app, as it was registered, to the letter.",
    "redirect_uri": "Where the answer goes. Always required, and compared to the letter with what is registered.",
    "response_type": "Always code.",
    "response_mode": "How the answer travels: one of response_modes_supported of the discovery document.",
    "scope": "Names separated by single spaces, of those that the app may ask for.",
    "state": "Comes back with the answer as it was sent.",
    "nonce": "Comes back in the ID token as it was sent.",
    "code_challenge": "The base64url SHA-256 of the code_verifier, without padding: 43 characters.",
    "code_challenge_method": "Always S256.",
    "resource": "The identifier of an API, an absolute URI without a fragment. May be repeated.",
    "authorization_details": "A JSON array of objects, each with a type of authorization_details_types_supported.",
    "request": "A request object: a JWT signed by one of the app's registered keys, with client_id inside.",
    "request_uri": "What the PAR endpoint answered, used once; or an address of the registered request_uris.",
    "prompt": "Words of prompt_values_supported separated by spaces; none stands alone.",
    "max_age": "A whole number of seconds.",
    "claims": "A JSON object with userinfo and id_token.",
    "id_token_hint": "An ID token that this provider issued.",
    "login_hint": "What the person is known by, such as an email address.",
    "acr_values": "Names separated by spaces, the most wanted first.",
    "ui_locales": "Language tags separated by spaces.",
    "claims_locales": "Language tags separated by spaces.",
    "display": "One of display_values_supported of the discovery document.",
    "dpop_jkt": "The base64url SHA-256 thumbprint of the key that will prove possession: 43 characters.",
}

_SPECIFICATIONS = {
    "OpenID Connect Core": "https://openid.net/specs/openid-connect-core-1_0.html",
    "OAuth 2.1": "https://datatracker.ietf.org/doc/draft-ietf-oauth-v2-1/",
    "OAuth 2.0 Multiple Response Types": "https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html",
    "JARM": "https://openid.net/specs/oauth-v2-jarm.html",
}
_RFC = re.compile(r"(RFC [0-9]{4}) ((?:Appendix )?[A-Z0-9][0-9.]{0,12})")
_OTHER = re.compile(r"([A-Za-z0-9. ]{1,60}) ([0-9][0-9.]{0,12})")
_WORD = re.compile(r"[a-z_]+")


def parameter_in(description: str) -> str | None:
    """The parameter that a description is about: the first it names. Every one of ours names its parameter."""
    return next((word for word in _WORD.findall(description) if word in PARAMETERS), None)


def rules(text: str) -> Sequence[tuple[str, str]]:
    """Sections as our errors cite them, each with where it can be read; of what we never cite, nothing."""
    found = [_rule(part) for part in text.split(", ")[:3]]
    return [rule for rule in found if rule is not None]


def _rule(text: str) -> tuple[str, str] | None:
    if match := _RFC.fullmatch(text):
        number, section = match[1].removeprefix("RFC "), match[2]
        anchor = section.lower().replace(" ", "-") if section.startswith("Appendix") else f"section-{section}"
        return text, f"https://www.rfc-editor.org/rfc/rfc{number}#{anchor}"
    match = _OTHER.fullmatch(text)
    address = _SPECIFICATIONS.get(match[1]) if match else None
    return None if address is None else (text, address)
