"""What is known of a person: changed by themselves or by an operator (OpenID Connect Core 1.0 section 5.1).

It is told to those apps alone that the person allowed it to, by userinfo and from the next request on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from ..domain.claims import asks_for_values, matching
from ..domain.device import Origin
from ..domain.event import SecurityEvent
from ..domain.ports import Stores
from ..domain.profile import profile_problem
from ..domain.user import User
from ..errors import InputRefused, NotFound

_MOST_CLAIMS = 100


class Profiles:
    """Every change happens in the caller's transaction."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def change(self, user: User, changes: Mapping[str, object], *, by: str, origin: Origin | None = None) -> User:
        """Set claims by their names; None and '' remove one. A changed number is not verified any more.

        Raises InputRefused with a sentence for each claim that cannot be kept, NotFound for nobody.
        """
        given = {name: value for name, value in changes.items() if value not in (None, "", {})}
        if problems := {name: text for name, value in given.items() if (text := profile_problem(name, value))}:
            raise InputRefused(problems)
        held = self._stores.users.hold(user.id)
        if held is None or held.deleted_at is not None:
            raise NotFound(str(user.id))
        claims = {**{name: value for name, value in held.claims.items() if name not in changes}, **given}
        if claims.get("phone_number") != held.claims.get("phone_number") and "phone_number_verified" not in given:
            claims.pop("phone_number_verified", None)
        if len(claims) > _MOST_CLAIMS:
            raise InputRefused({"claims": f"No more than {_MOST_CLAIMS} entries can be kept."})
        changed = replace(held, claims=claims, updated_at=self._stores.clock.now())
        self._stores.users.save(changed)
        self._record(held, claims, by, origin or Origin())
        return changed

    def matching(self, claims: Mapping[str, object], user_id: UUID) -> Mapping[str, object]:
        """What of a client's ``claims`` it is told of this person now (section 5.5.1). A look-up only if values ask."""
        if not asks_for_values(claims):
            return claims
        user = self._stores.users.get(user_id)
        return {} if user is None else matching(claims, user)

    def _record(self, held: User, claims: Mapping[str, object], by: str, origin: Origin) -> None:
        """Which entries changed, never what they say: the record outlives the person's data."""
        names = {*held.claims, *claims}
        changed = sorted(name for name in names if held.claims.get(name) != claims.get(name))
        self._stores.events.append(
            SecurityEvent(
                id=self._stores.randomness.uuid(), at=self._stores.clock.now(), kind="profile.changed",
                user_id=held.id, actor=by, address=origin.address, user_agent=origin.user_agent,
                details={"claims": changed},
            )
        )  # fmt: skip
