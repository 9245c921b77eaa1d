"""Which claims of a user a token or an answer holds (OpenID Connect Core 1.0 sections 5.1, 5.2, 5.4, 5.5).

Claims come from the user's record by name; nothing a person or an operator stored under the name of a
registered protocol claim (``sub``, ``iss``, ``sid`` …) can reach a token (CVE-2024-29892).

Section 5.2: what people read may be stored in several languages, as ``family_name#ja-Kana-JP``. Such a
value is told to who asks for that very name, or prefers the language by ``claims_locales``.

Section 5.5.1: what is asked for with a value is told only where it is that value. Looked at when a token is made
(``services.profiles``): the token says names alone, for a value would be personal data in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .scope import CLAIMS_OF_SCOPE
from .user import User

KNOWN = tuple(dict.fromkeys(name for names in CLAIMS_OF_SCOPE.values() for name in names))
IN_LANGUAGES = (
    "name", "family_name", "given_name", "middle_name", "nickname", "profile", "picture", "website", "address",
)  # fmt: skip
"""What may have a language tag (section 5.2: "human-readable", or a reference to such)."""

MAX_TAG = 35
"""Characters of a language tag: no tag that is in use needs more (RFC 5646 section 4.4.1)."""
_TAG = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,7}")  # BCP 47, as far as a syntax can tell

LOCALES = "locales"
"""The member of our stored ``claims`` that keeps ``claims_locales``; a client's own ``claims`` cannot set it."""


def names_of_scope(scope: Iterable[str]) -> tuple[str, ...]:
    """The claims that these scopes release."""
    return tuple(name for item in scope for name in CLAIMS_OF_SCOPE.get(item, ()))


def claims_of(user: User, names: Iterable[str], locales: Sequence[str] = ()) -> dict[str, object]:
    """The values of the named claims; a claim without a value is left out (section 5.3.2).

    With ``locales``, best first, each claim that is stored in one of them comes in that language too.
    """
    own: Mapping[str, object] = {
        **{name: value for name, value in user.claims.items() if _may_be_stored(name)},
        "email": user.email,
        "email_verified": user.email_verified,
        "updated_at": int(user.updated_at.timestamp()),
    }
    wanted = (item for name in names for item in (name, *_in_language(own, name, locales)))
    return {name: own[name] for name in dict.fromkeys(wanted) if own.get(name) not in (None, "")}


def is_language_tag(text: str) -> bool:
    """Could this be a tag of BCP 47 that somebody uses?"""
    return len(text) <= MAX_TAG and _TAG.fullmatch(text) is not None


def _may_be_stored(name: str) -> bool:
    plain, tagged, language = name.partition("#")
    return plain in IN_LANGUAGES and is_language_tag(language) if tagged else plain in KNOWN


def _in_language(own: Mapping[str, object], name: str, locales: Sequence[str]) -> Iterator[str]:
    """The name under which the claim is stored in the first of the locales that there is (RFC 4647 section 3.4)."""
    stored = {key.lower(): key for key in own if key.startswith(f"{name}#")} if locales else {}
    for locale in locales:
        subtags = locale.lower().split("-")
        for end in range(len(subtags), 0, -1):
            if (found := stored.get(f"{name}#{'-'.join(subtags[:end])}")) is not None:
                yield found
                return


_PLACES = ("userinfo", "id_token")
SCOPE_OF_CLAIM = {name: scope for scope, names in CLAIMS_OF_SCOPE.items() for name in names}


def scope_of_claim(name: str) -> str | None:
    """The scope that releases a claim, in whatever language; None for one that no scope does."""
    return SCOPE_OF_CLAIM.get(name.partition("#")[0])


def scope_with_claims(scope: tuple[str, ...], claims: Mapping[str, object]) -> tuple[str, ...]:
    """What a person must have allowed: the scopes, and those whose claims are asked for one by one.

    ``claims`` (section 5.5) is another way of asking, not a way around being asked.
    """
    names = (*requested(claims, "userinfo"), *requested(claims, "id_token"))
    behind = (scope_of_claim(name) for name in names)
    return tuple(dict.fromkeys((*scope, *(item for item in behind if item is not None))))


def requested(claims: Mapping[str, object], where: str) -> tuple[str, ...]:
    """Names asked for by the ``claims`` parameter for ``id_token`` or ``userinfo`` (section 5.5)."""
    members = claims.get(where)
    return tuple(name for name in members if _may_be_stored(name)) if isinstance(members, Mapping) else ()


def asks_for_values(claims: Mapping[str, object]) -> bool:
    """Is any claim of a person asked for with a value, or with one of several (section 5.5.1)?"""
    return any(_wanted_values(claims, where, name) for where in _PLACES for name in requested(claims, where))


def matching(claims: Mapping[str, object], user: User) -> dict[str, object]:
    """``claims`` without what is asked for with values of which none is this person's (section 5.5.1)."""
    kept: dict[str, object] = dict(claims)
    for where in _PLACES:
        members = claims.get(where)
        if isinstance(members, Mapping):
            fits = {name: _fits(_wanted_values(claims, where, name), user, name) for name in members}
            kept[where] = {name: wish for name, wish in members.items() if fits[name]}
    return kept


def _wanted_values(claims: Mapping[str, object], where: str, name: str) -> Sequence[object]:
    members = claims.get(where)
    wish = members.get(name) if isinstance(members, Mapping) else None
    values = wish.get("values") if isinstance(wish, Mapping) else None
    return values if isinstance(values, list | tuple) else ()


def _fits(wanted: Sequence[object], user: User, name: str) -> bool:
    """Compared as JSON is: true is no 1."""
    own = claims_of(user, [name]).get(name)
    return not wanted or any(type(value) is type(own) and value == own for value in wanted)


def claims_locales(claims: Mapping[str, object]) -> tuple[str, ...]:
    """The languages that the client prefers for values of claims, best first (section 5.2)."""
    kept = claims.get(LOCALES)
    return tuple(str(tag) for tag in kept) if isinstance(kept, list | tuple) else ()
