"""RFC 8707 (Resource Indicators): for which API a token is meant.

Section 2: ``resource`` may repeat; each is an absolute URI without a fragment that we know, else
``invalid_target``. Section 2.2: a token request may narrow to some of what was granted. What the
audience is without it, ``services.tokens.Tokens.audience`` says.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..errors import ProtocolError
from ..services.tokens import Tokens


def check_resources(wanted: Sequence[str], issuer: str, tokens: Tokens) -> tuple[str, ...]:
    """The resources of a request, each known to us; the provider itself is one."""
    unique = tuple(dict.fromkeys(wanted))
    if len(unique) > 20:
        raise _invalid_target("too many resources")
    others = tuple(item for item in unique if item != issuer)
    known = tokens.known_resources(others) if others else {}
    if len(known) != len(others):
        raise _invalid_target("a resource is unknown")
    return unique


def narrow(
    granted: tuple[str, ...], wanted: tuple[str, ...], scope: tuple[str, ...], tokens: Tokens,
    more: Collection[str] = (),
) -> tuple[str, ...]:  # fmt: skip
    """Section 2.2: the resources of a token request, a subset of what was granted by name or by scope.

    ``more`` were granted by authorization details, whatever ``resource`` said (RFC 9396 section 3.2).
    """
    if wanted and not set(wanted) <= {*tokens.audience(granted, scope, more), *more}:
        raise _invalid_target("resource was not granted")
    return wanted or (granted and tuple(dict.fromkeys((*granted, *more))))


def _invalid_target(description: str) -> ProtocolError:
    return ProtocolError("invalid_target", description, section="RFC 8707 2", parameter="resource")
