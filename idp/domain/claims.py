"""Which claims of a user a token or an answer holds (OpenID Connect Core 1.0 sections 5.1, 5.4, 5.5).

Claims come from the user's record by name; nothing a person or an operator stored under the name of a
registered protocol claim (``sub``, ``iss``, ``sid`` …) can reach a token (CVE-2024-29892).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .scope import CLAIMS_OF_SCOPE
from .user import User

KNOWN = tuple(dict.fromkeys(name for names in CLAIMS_OF_SCOPE.values() for name in names))


def names_of_scope(scope: Iterable[str]) -> tuple[str, ...]:
    """The claims that these scopes release."""
    return tuple(name for item in scope for name in CLAIMS_OF_SCOPE.get(item, ()))


def claims_of(user: User, names: Iterable[str]) -> dict[str, object]:
    """The values of the named claims; a claim without a value is left out (section 5.3.2)."""
    own: Mapping[str, object] = {
        **{name: value for name, value in user.claims.items() if name in KNOWN},
        "email": user.email,
        "email_verified": user.email_verified,
        "updated_at": int(user.updated_at.timestamp()),
    }
    return {name: own[name] for name in dict.fromkeys(names) if own.get(name) not in (None, "")}


SCOPE_OF_CLAIM = {name: scope for scope, names in CLAIMS_OF_SCOPE.items() for name in names}


def scope_with_claims(scope: tuple[str, ...], claims: Mapping[str, object]) -> tuple[str, ...]:
    """What a person must have allowed: the scopes, and those whose claims are asked for one by one.

    ``claims`` (section 5.5) is another way of asking, not a way around being asked.
    """
    names = (*requested(claims, "userinfo"), *requested(claims, "id_token"))
    return tuple(dict.fromkeys((*scope, *(SCOPE_OF_CLAIM[name] for name in names))))


def requested(claims: Mapping[str, object], where: str) -> tuple[str, ...]:
    """Names asked for by the ``claims`` parameter for ``id_token`` or ``userinfo`` (section 5.5)."""
    members = claims.get(where)
    return tuple(name for name in members if name in KNOWN) if isinstance(members, Mapping) else ()
