"""Resources: the operator's APIs that accept our access tokens, with their scopes (RFC 8707)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from ..domain.ports import Stores
from ..domain.scope import REVOCATIONS, STANDARD_SCOPES, Resource, Scope, parse_scope
from ..errors import InputRefused, NotFound


class Resources:
    """The operator's APIs (RFC 8707), their scopes, and who is their resource server."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def list(self) -> Sequence[tuple[Resource, Sequence[Scope]]]:
        """Each with its scopes."""
        return self._stores.resources.list()

    def create(self, identifier: str, name: str, scopes: Mapping[str, str], client_id: str | None) -> Resource:
        """Register an API. Every scope needs its sentence. Raises InputRefused or Conflict."""
        problems = {**_identifier_problem(identifier), **_scope_problems(scopes)}
        if client_id is not None and self._stores.clients.get(client_id) is None:
            problems["client_id"] = "there is no such client"
        if problems:
            raise InputRefused(problems)
        resource = Resource(identifier=identifier, name=name, client_id=client_id, created_at=self._now())
        entries = [Scope(name=item, resource=identifier, sentence=text.strip()) for item, text in scopes.items()]
        self._stores.resources.add(resource, entries)
        return resource

    def delete(self, identifier: str) -> None:
        """Forget an API and its scopes. Raises NotFound."""
        if not self._stores.resources.delete(identifier):
            raise NotFound(identifier)

    def _now(self) -> datetime:
        return self._stores.clock.now()


def _identifier_problem(identifier: str) -> dict[str, str]:
    """RFC 8707 section 2: an absolute URI without a fragment."""
    try:
        parts = urlsplit(identifier)
    except ValueError:
        parts = urlsplit("")
    fine = bool(parts.scheme) and "#" not in identifier and " " not in identifier and len(identifier) <= 500
    return {} if fine else {"identifier": "must be an absolute URI without a fragment (RFC 8707 section 2)"}


def _scope_problems(scopes: Mapping[str, str]) -> dict[str, str]:
    problems = {}
    for name, sentence in scopes.items():
        if parse_scope(name) != (name,) or name in (*STANDARD_SCOPES, REVOCATIONS):
            problems[name] = "is not a scope name you can register (RFC 6749 section 3.3)"
        elif not sentence.strip():
            problems[name] = "needs the sentence that people read when they are asked"
    return problems
