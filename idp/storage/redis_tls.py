"""TLS to Redis (``rediss://``): one context for all connections of a process.

Why not redis-py's: it makes one for each connection, and reads every authority of the system for it. That takes
longer on a busy machine (60 to 100 ms) than an exchange may (``redis_link.BUDGET_SECONDS``), so a server that was
left alone once would never be found again. And it adds the authority that the URL names (``ssl_ca_certs``,
``ssl_ca_path``, ``ssl_ca_data``) to those of the system, where whoever names one trusts that one alone.
"""

from __future__ import annotations

import socket
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from redis.connection import SSLConnection


class _Wanted(NamedTuple):
    """What tells contexts apart; of files also when they were written: certificates are replaced."""

    ca_certs: str | None
    ca_path: str | None
    ca_data: str | None
    certfile: str | None
    keyfile: str | None
    password: str | None
    cert_reqs: ssl.VerifyMode
    check_hostname: bool
    minimum_version: ssl.TLSVersion | None
    ciphers: str | None
    flags: tuple[int, int]
    written: tuple[float, ...]


class TlsConnection(SSLConnection):
    """redis-py's connection, over the process's context."""

    def context(self) -> ssl.SSLContext:
        """Raises OSError if a file cannot be read, ssl.SSLError (one, too) if it holds something else."""
        files = [name for name in (self.ca_certs, self.certfile, self.keyfile) if name]
        include, exclude = self.ssl_include_verify_flags or (), self.ssl_exclude_verify_flags or ()
        return _context(
            _Wanted(
                self.ca_certs, self.ca_path, self.ca_data, self.certfile, self.keyfile, self.certificate_password,
                self.cert_reqs, self.check_hostname, self.ssl_min_version, self.ssl_ciphers,
                (sum(include), sum(exclude)), tuple(Path(name).stat().st_mtime for name in files),
            )
        )  # fmt: skip

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        if self.ssl_validate_ocsp or self.ssl_validate_ocsp_stapled:
            return super()._wrap_socket_with_ssl(sock)  # type: ignore[no-any-return, no-untyped-call]
        return self.context().wrap_socket(sock, server_hostname=self.host)


def with_tls(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a ``rediss://`` URL with our connection; others as they are. Raises ValueError.

    The context is made at once, before anybody waits for it.
    """
    if options.get("connection_class") is not SSLConnection:
        return options
    try:
        TlsConnection(**{name: value for name, value in options.items() if name != "connection_class"}).context()
    except OSError as error:
        raise ValueError(f"TLS: {error}") from None
    return options | {"connection_class": TlsConnection}


@lru_cache(maxsize=16)
def _context(wanted: _Wanted) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = wanted.check_hostname
    context.verify_mode = wanted.cert_reqs
    context.verify_flags = ssl.VerifyFlags((context.verify_flags | wanted.flags[0]) & ~wanted.flags[1])
    if wanted.certfile or wanted.keyfile:
        context.load_cert_chain(wanted.certfile or "", wanted.keyfile, wanted.password)
    if wanted.ca_certs or wanted.ca_path or wanted.ca_data:
        context.load_verify_locations(wanted.ca_certs, wanted.ca_path, wanted.ca_data)
    elif wanted.cert_reqs is not ssl.CERT_NONE:
        context.load_default_certs()
    if wanted.minimum_version is not None:
        context.minimum_version = wanted.minimum_version
    if wanted.ciphers:
        context.set_ciphers(wanted.ciphers)
    return context
