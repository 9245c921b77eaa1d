"""RFC 6750 (Bearer Token Usage): where a bearer token may stand in a request, and the challenge.

Section 2.1 header and 2.2 form body; never the query (2.3, OAuth 2.1 section 5.1). More than one way
is refused (section 2). Section 3: a request without a token is challenged without an error code.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from ..errors import ProtocolError
from .requests import FORM, Received, invalid_request, parse, refuse_repeats

_HEADER = re.compile(r"bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)


def bearer_token(asked: Received) -> str:
    """The one token of this request. Raises ProtocolError with the challenge."""
    found = [*_from_header(asked.authorization), *elsewhere(asked)]
    if len(found) > 1:
        raise more_than_one()
    if not found:
        raise _missing()
    return found[0]


def elsewhere(asked: Received) -> list[str]:
    """Tokens that stand in the body. Raises ProtocolError for one in the URI."""
    if asked.query and "access_token" in parse_qs(asked.query.decode("latin-1"), keep_blank_values=True):
        raise _bad("the token must not stand in the URI", "RFC 6750 2.3")
    return _from_body(asked)


def more_than_one() -> ProtocolError:
    """Section 2: clients MUST NOT use more than one method."""
    return _bad("more than one token", "RFC 6750 2")


def _missing() -> ProtocolError:
    """Section 3.1: whoever sent no bearer token is challenged, without an error code in the challenge."""
    return ProtocolError(
        "invalid_token", "send an access token", section="RFC 6750 3.1", status=401,
        headers={"WWW-Authenticate": 'Bearer realm="idp"'},
    )  # fmt: skip


def invalid_token() -> ProtocolError:
    """RFC 6750 section 3.1: expired, revoked, malformed or not for us; never said which."""
    return _challenge("invalid_token", "the access token is not valid here", "RFC 6750 3.1", 401)


def insufficient_scope(scope: str) -> ProtocolError:
    """RFC 6750 section 3.1."""
    return _challenge("insufficient_scope", f"the token needs scope {scope}", "RFC 6750 3.1", 403, scope)


def _from_header(header: str | None) -> list[str]:
    if header is None:
        return []
    match = _HEADER.fullmatch(header)
    if match is None:
        raise invalid_token() if header.lower().startswith("bearer") else _missing()
    return [match.group(1)]


def _from_body(asked: Received) -> list[str]:
    if asked.method != "POST" or asked.media_type != FORM:
        return []
    parameters = parse(asked.body)
    refuse_repeats(parameters)
    token = parameters.get("access_token")
    return [] if token is None else [token]


def _bad(description: str, section: str) -> ProtocolError:
    error = invalid_request(description, section)
    error.headers["WWW-Authenticate"] = 'Bearer realm="idp", error="invalid_request"'
    return error


def _challenge(error: str, description: str, section: str, status: int, scope: str | None = None) -> ProtocolError:
    challenge = f'Bearer realm="idp", error="{error}", error_description="{description}"'
    if scope is not None:
        challenge += f', scope="{scope}"'
    return ProtocolError(error, description, section=section, status=status, headers={"WWW-Authenticate": challenge})
