"""What a proxy says of the client's TLS certificate, believed only from a proxy that we were told of.

Here TLS has ended before we are asked: who proved the possession of a certificate's key is known to the proxy
alone. The header that it says it in (``IDP_CLIENT_CERTIFICATE_HEADER``) anybody else could have written, so
this middleware takes it out of every request, and hands it on under a name that no header can have only if
the peer is one of ``IDP_TRUSTED_PROXIES``. The proxy must drop what its own clients send by that name
(RFC 9440 section 2.4). Its name has no hyphen (``Settings``), so that no other spelling comes here by it.
The process of the streams (ASGI) asks ``certificate_told``, which is the same rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from .client_address import Network, from_proxy
from .oauth.requests import CERTIFICATE
from .settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def with_certificates(application: WSGIApplication, settings: Settings) -> WSGIApplication:
    """The application as the settings want it asked: behind proxies that see certificates, or as it is."""
    header = settings.client_certificate_header
    return ClientCertificates(application, header, settings.proxy_networks()) if header else application


def certificate_told(headers: Mapping[str, str], peer: str | None, settings: Settings) -> str | None:
    """What a proxy of ours says of the client's certificate. ``headers`` have lower-case names."""
    header = settings.client_certificate_header.lower()
    told = headers.get(header) if header else None
    return told if told and from_proxy(peer, settings.proxy_networks()) else None


class ClientCertificates:
    """WSGI middleware, outside whatever reads the certificate."""

    def __init__(self, application: WSGIApplication, header: str, proxies: Sequence[Network]) -> None:
        self._application = application
        self._key = "HTTP_" + header.upper()
        self._proxies = proxies

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass the request on, with the certificate or without."""
        told = environ.pop(self._key, None)
        if told and from_proxy(environ.get("REMOTE_ADDR"), self._proxies):
            environ[CERTIFICATE] = told
        return self._application(environ, start_response)
