"""What one route asks of a token: scope, how its life is checked, and how its person signed in.

RFC 6750 section 3.1 for scope. RFC 9470 for the rest: ``acr_values`` are the authentication contexts of
which the token must have one; ``max_age`` is how many seconds ago the person may last have signed in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from .access_token import AccessToken
from .errors import InsufficientScope, StepUpRequired

Mode = Literal["introspect", "local", "stream"]
MODES: tuple[Mode, ...] = get_args(Mode)


class Requirement(NamedTuple):
    """Made by ``Verifier.require``."""

    mode: Mode
    scope: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()
    max_age: int | None = None

    def check(self, token: AccessToken, now: float) -> None:
        """Raises StepUpRequired or InsufficientScope. ``now`` is in seconds since 1970.

        RFC 9470 section 3: a step-up names the scope that lacks too, so that the client need ask only once.
        """
        enough = token.allows(*self.scope)
        if (self.acr_values or self.max_age is not None) and not self._authenticated(token, now):
            raise StepUpRequired(self.acr_values, self.max_age, () if enough else self.scope)
        if not enough:
            raise InsufficientScope(self.scope)

    def _authenticated(self, token: AccessToken, now: float) -> bool:
        if self.acr_values and token.acr not in self.acr_values:
            return False
        return self.max_age is None or (token.auth_time is not None and now - token.auth_time <= self.max_age)


def words(value: str | Iterable[str]) -> tuple[str, ...]:
    """A list separated by spaces, or one that is a list already."""
    return tuple(value.split() if isinstance(value, str) else value)
