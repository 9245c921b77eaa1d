"""Authorization details (RFC 9396): the operator's types, what of them a client may ask for, and narrowing.

What a person has granted is kept with the code and the refresh family, to the letter. Whenever a token is
made of it, types are looked up anew: of a type that has been deleted nothing is left, as of a scope whose
API has gone. A request that still waits for a person is refused instead (``services.interactions``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..domain.authorization_details import Detail, DetailType, problem_of, rows, schema_problem, within
from ..domain.client import Client
from ..domain.ports import Stores
from ..errors import InputRefused, NotFound, ProtocolError

Described = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""For people: the sentence of each detail's type, and everything that stands in the detail."""

_NAME = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,200}")


class AuthorizationDetails:
    """Types and what follows from them."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    # ── types ────────────────────────────────────────────────────────────────────────────────────

    def list(self) -> Sequence[DetailType]:
        """All of them, by name."""
        return self._stores.detail_types.list()

    def create(self, name: str, resource: str, sentence: str, members: Mapping[str, Any]) -> DetailType:
        """Register a type of an API. Raises InputRefused or Conflict."""
        problems = {}
        if not _NAME.fullmatch(name):
            problems["name"] = "use 1 to 200 printable ASCII characters without spaces"
        if not self._stores.resources.known([resource]):
            problems["resource"] = "there is no such resource"
        if not sentence.strip():
            problems["sentence"] = "people must be able to read what they are asked for"
        if (text := schema_problem(dict(members))) is not None or members.get("type", "object") != "object":
            problems["members"] = text or "describe an object"
        if problems:
            raise InputRefused(problems)
        made = DetailType(
            name=name, resource=resource, sentence=sentence.strip(), members=dict(members),
            created_at=self._stores.clock.now(),
        )  # fmt: skip
        self._stores.detail_types.add(made)
        return made

    def delete(self, name: str) -> None:
        """Forget a type: nothing of it is in any token from now on. Raises NotFound."""
        if not self._stores.detail_types.delete(name):
            raise NotFound(name)

    # ── asking and granting ──────────────────────────────────────────────────────────────────────

    def check(self, details: Sequence[Detail], client: Client) -> None:
        """Raises invalid_authorization_details unless the client may ask for each of them (section 5)."""
        types = self._types(details)
        for detail in details:
            kind = types.get(detail["type"])
            if kind is None or not _open_to(client, kind.name):
                raise refused_details("a type is unknown, or not registered for this app", "RFC 9396 5")
            if (text := problem_of(detail, kind)) is not None:
                raise refused_details(f"{kind.name}: {text}", "RFC 9396 5")

    def narrow(self, granted: Sequence[Detail], wanted: Sequence[Detail] | None) -> tuple[Detail, ...]:
        """Those of a token request, none of them more than was granted (section 6); None: as granted."""
        if wanted is None:
            return tuple(granted)
        if not all(any(within(one, other) for other in granted) for one in wanted):
            raise refused_details("more is asked for than was granted", "RFC 9396 6")
        return tuple(wanted)

    def homes(self, details: Sequence[Detail], client: Client) -> dict[str, str]:
        """The API of each type that there still is, and that the client may still ask for (security.md D)."""
        return {name: kind.resource for name, kind in self._types(details).items() if _open_to(client, name)}

    def describe(self, details: Sequence[Detail]) -> Described:
        """Of a type that has gone, nothing."""
        return _described(details, self._types(details))

    def describe_held(self, held: Sequence[tuple[Client, Sequence[Detail]]]) -> dict[str, Described]:
        """What each app holds, by client id and each thing once, as far as its API and it still may; in one query."""
        types = self._types([detail for _, details in held for detail in details])
        found: dict[str, Described] = {}
        for client, details in held:
            open_to = {name: kind for name, kind in types.items() if _open_to(client, name)}
            so_far = found.get(client.client_id, ())
            found[client.client_id] = tuple(dict.fromkeys((*so_far, *_described(details, open_to))))
        return found

    def _types(self, details: Sequence[Detail]) -> Mapping[str, DetailType]:
        return self._stores.detail_types.some([str(detail["type"]) for detail in details]) if details else {}


def _described(details: Sequence[Detail], types: Mapping[str, DetailType]) -> Described:
    return tuple((types[detail["type"]].sentence, rows(detail)) for detail in details if detail["type"] in types)


def _open_to(client: Client, name: str) -> bool:
    """Section 10: those that it registered; without a word of its own, all there are: consent decides."""
    registered = client.metadata.get("authorization_details_types")
    return not isinstance(registered, list) or name in registered


def refused_details(description: str, section: str) -> ProtocolError:
    """RFC 9396 section 5 and 8."""
    return ProtocolError(
        "invalid_authorization_details", description, section=section, parameter="authorization_details"
    )
