"""What ``idp doctor`` looks at in other servers: PostgreSQL, and the proxy in front of us.

In PostgreSQL: room for our connections, limits behind a pooler.

The rule of pool sizes: a worker of ``idp serve`` has no use for more connections than its threads and the
housekeeper need (threads + 1), and never opens more than ``IDP_DATABASE_POOL_SIZE``. So what one machine may
open is workers × pool size, and ``OTHERS`` for ``idp worker``, ``idp serve --streams`` and commands; all
machines together must fit into ``max_connections`` less what the server keeps for its superusers.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from .. import underscores
from ..outgoing import FetchRefused, Outgoing
from ..settings import Settings
from ..storage.postgres import SERVER_LIMITS
from . import database
from .findings import GOOD, WARN, Check
from .serve import cores

OTHERS = 10
_ROOM, *_RESERVED = "max_connections", "superuser_reserved_connections", "reserved_connections"


def proxy_checks(settings: Settings) -> Iterator[Check]:
    """Nothing where no proxy is believed. Asks the provider from outside, as its clients do (``underscores``)."""
    if not settings.trusted_proxies:
        return
    todo = "drop headers with underscores in the proxy (nginx does; Caddy: header_up -*_*; Traefik, Envoy: see README)"
    try:
        answer = Outgoing(allow_private=True).probe(settings.url("/healthz"), underscores.SENT)
    except FetchRefused as error:
        yield Check("proxy", WARN, f"{settings.issuer} could not be asked what its proxy passes: {error}",
                    "run this again where it answers")  # fmt: skip
        return
    if answer.status != HTTPStatus.OK:
        yield Check("proxy", WARN, f"{settings.issuer} answers {answer.status} to /healthz", "send it here")
    elif underscores.passed(answer.headers):
        yield Check("proxy", WARN, "passes headers with underscores: anybody can write X_Forwarded_For", todo)
    else:
        yield Check("proxy", GOOD, "drops headers with underscores")


def server_checks(settings: Settings) -> Iterator[Check]:
    """Nothing for an embedded database. Raises Unavailable."""
    if database.embedded(settings):
        return
    yield _limits(settings) if settings.pooled else _room(settings)


def _room(settings: Settings) -> Check:
    found = database.server_settings(settings, [_ROOM, *_RESERVED])
    room = found[_ROOM] - sum(found.get(name, 0) for name in _RESERVED)
    need = cores() * settings.database_pool_size + OTHERS
    if need > room:
        return Check(
            "connections", WARN, f"a machine like this may open {need}, the server has {room}",
            "raise max_connections, lower IDP_DATABASE_POOL_SIZE (threads + 1 is enough) or use PgBouncer",
        )  # fmt: skip
    return Check("connections", GOOD, f"{need} at most from a machine like this, room for {room // need} such machines")


def _limits(settings: Settings) -> Check:
    """Behind a pooler the role's own settings are all there is."""
    found = database.server_settings(settings, list(SERVER_LIMITS))
    missing = {name: most for name, most in SERVER_LIMITS.items() if not 0 < found.get(name, 0) <= most}
    if missing:
        role = database.user(settings)
        todo = "; ".join(f"ALTER ROLE {role} SET {name} = {most}" for name, most in missing.items())
        return Check("limits", WARN, "behind the pooler statements have no limit on the server", todo)
    return Check("limits", GOOD, "the role's statements end in time")
