"""``IDP_REDIS_URL``: one server, Sentinel or Cluster, with or without TLS.

    redis://user:password@host:6379/0          rediss://… with TLS (?ssl_ca_certs=/path/ca.pem)
    redis+sentinel://user:password@host:26379,host:26379/service
    redis+cluster://user:password@host:7000,host:7001

User and password are those of the servers that hold data; Sentinels that want their own take them from
``?sentinel_username=…&sentinel_password=…``. Any further parameter is one of redis-py's connections.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit, urlunsplit

from redis import connection as redis_connection

from ..errors import ConfigurationError
from .redis_link import Options, RedisLink, connection_options
from .redis_servers import Address, Cluster, NewLink, OneServer, RedisServers, SentinelService, options_for
from .redis_tls import with_tls

SENTINEL_PORT, REDIS_PORT = 26379, 6379
_EXAMPLE = (
    "IDP_REDIS_URL: use redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/service "
    "or redis+cluster://host:port,host:port"
)

Told = Callable[[bool], None]


def servers(url: str, replicas: int, told: Told) -> RedisServers:
    """The servers of a URL; nothing is connected yet. Raises ConfigurationError."""
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if scheme not in ("redis", "rediss") or kind not in ("", "sentinel", "cluster"):
        raise ConfigurationError([_EXAMPLE])
    try:
        return _servers(parts, scheme, kind, replicas, told)
    except ValueError as error:
        raise ConfigurationError([f"{_EXAMPLE} ({error})"]) from None


def _servers(parts: SplitResult, scheme: str, kind: str, replicas: int, told: Told) -> RedisServers:
    if not kind:
        options = _parsed(parts)
        return OneServer(RedisLink(_name(options), connection_options(**options), told), replicas)
    user, _, hosts = parts.netloc.rpartition("@")
    first = hosts.split(",")[0]
    login = f"{user}@" if user else ""
    path = "" if kind == "sentinel" else parts.path
    options = _parsed(SplitResult(scheme, login + first, path, parts.query, ""))
    apart = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    new = _maker(options, told)
    if kind == "cluster":
        return Cluster(_addresses(hosts, REDIS_PORT), new, replicas)
    sentinels = _maker({**options, **apart, "db": 0}, told)
    service = parts.path.strip("/")
    if not service:
        raise ValueError("the name of the service is missing")
    return SentinelService([sentinels(at) for at in _addresses(hosts, SENTINEL_PORT)], service, new, replicas)


def _parsed(parts: SplitResult) -> Options:
    return with_tls(dict(redis_connection.parse_url(urlunsplit(parts))))  # type: ignore[no-untyped-call]


def _maker(options: Options, told: Told) -> NewLink:
    def new(address: Address) -> RedisLink:
        return RedisLink(f"{address[0]}:{address[1]}", connection_options(**options_for(address, options)), told)

    return new


def _addresses(hosts: str, port: int) -> list[Address]:
    parsed = [urlsplit(f"//{host}") for host in hosts.split(",")]
    if any(not part.hostname for part in parsed):
        raise ValueError("a host is missing")
    return [(part.hostname or "", part.port or port) for part in parsed]


def _name(options: Options) -> str:
    return f"{options.get('host', 'localhost')}:{options.get('port', REDIS_PORT)}"
