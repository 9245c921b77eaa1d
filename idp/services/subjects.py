"""Subject identifiers: the one place that says what ``sub`` a client gets (OpenID Connect Core 1.0 section 8).

Used in ID tokens, access tokens, userinfo, introspection and logout tokens alike, so that all of them
name the same person to the same client.

Why a pairwise one is drawn by lot and kept, not computed as section 8.1 also allows: there is no secret
whose loss would connect all sectors at once, and none whose rotation would rename every person.
"""

from __future__ import annotations

from uuid import UUID

from ..domain.client import Client
from ..domain.ports import Stores
from ..domain.subject import pairwise, sector_of


class Subjects:
    """Names of people, by client."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def subject(self, user_id: UUID, client: Client) -> str:
        """The ``sub`` by which ``client`` knows the person; the same for ever. Made when first asked for."""
        if not pairwise(client):
            return str(user_id)
        names, sector = self._stores.pairwise_subjects, sector_of(client)
        return names.get(user_id, sector) or names.add(user_id, sector, self._stores.randomness.token())

    def owner(self, subject: str, client: Client) -> UUID | None:
        """Who it is that ``client`` knows as ``subject``.

        None for every other name of the same person: else a client could find out, one ``id_token_hint``
        or ``claims`` value at a time, who hides behind its own pairwise names (section 8.1).
        """
        if pairwise(client):
            return self._stores.pairwise_subjects.owner(subject, sector_of(client))
        try:
            user_id = UUID(subject)
        except ValueError:
            return None
        return user_id if str(user_id) == subject else None
