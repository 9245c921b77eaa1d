"""The SDK in a Django project.

    # notes/api.py
    verifier = Verifier("https://id.example.com", "https://api.example.com",
                        client_id="my-api", client_secret="…", mode="stream")
    resource = ProtectedResource(verifier, realm="notes", scopes="notes.read notes.delete")

    # settings.py
    MIDDLEWARE = ["idp.resource_server.django.BearerMiddleware", …]
    IDP_RESOURCE = "notes.api.resource"
    IDP_RESOURCE_NEEDS = {"scope": "notes.read"}        # if every view needs a token

    # views.py, synchronous or not
    @require_token(verifier, scope="notes.delete", mode="introspect", acr_values="aal2", max_age=300)
    def delete(request): … request.access_token.sub

The middleware turns refusals into answers (RFC 6750 section 3, RFC 9470) and publishes the metadata of RFC
9728. With ``IDP_RESOURCE_NEEDS`` it guards every view that is neither ``public`` nor has its own decorator.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from .asgi_waiting import admit
from .errors import TokenError
from .possession import Sender
from .requirement import Mode, Requirement
from .rfc9728_metadata import ProtectedResource, Reply
from .verifier import Verifier

View = TypeVar("View", bound=Callable[..., Any])
_GUARDED, _PUBLIC = "token_is_looked_at", "token_is_not_needed"


def require_token(
    verifier: Verifier,
    scope: str | Iterable[str] = (),
    *,
    mode: Mode | None = None,
    acr_values: str | Iterable[str] = (),
    max_age: int | None = None,
) -> Callable[[View], View]:
    """Let a view run only for a live token with all of ``scope``; puts it into ``request.access_token``.

    ``acr_values`` and ``max_age`` ask for a sign-in of one of these kinds, not longer ago. Raises
    TokenError, which the middleware answers; ValueError at once if the verifier cannot do this.
    """
    needed = verifier.require(scope=scope, mode=mode, acr_values=acr_values, max_age=max_age)

    def decorate(view: View) -> View:
        guarded = _guard_async(view, verifier, needed) if iscoroutinefunction(view) else _guard(view, verifier, needed)
        setattr(guarded, _GUARDED, True)
        return guarded  # type: ignore[no-any-return]

    return decorate


def public(view: View) -> View:
    """A view that needs no token, where all others do."""
    setattr(view, _PUBLIC, True)
    return view


class BearerMiddleware:
    """Answers TokenError and the address of the metadata; see the module for its settings."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        resource = import_string(settings.IDP_RESOURCE)
        if not isinstance(resource, ProtectedResource):
            raise ImproperlyConfigured("IDP_RESOURCE does not name a ProtectedResource")
        self._resource = resource
        needs = getattr(settings, "IDP_RESOURCE_NEEDS", None)
        self._needed = None if needs is None else resource.verifier.require(**needs)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if request.path == self._resource.metadata_path:
            return self._metadata() if iscoroutinefunction(self) else _response(self._resource.metadata())
        return self._get_response(request)

    async def _metadata(self) -> HttpResponse:
        return _response(self._resource.metadata())

    def process_view(self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """The token of a view that has no rule of its own."""
        if self._needed is None or getattr(view, _PUBLIC, False) or getattr(view, _GUARDED, False):
            return None
        try:
            request.access_token = self._resource.verifier.admit(
                _authorization(request), self._needed, _sender(self._resource.verifier, request)
            )
        except TokenError as error:
            return _response(self._resource.refusal(error))
        return None

    def process_exception(self, _request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The answer to a refusal that a view raised."""
        return _response(self._resource.refusal(error)) if isinstance(error, TokenError) else None


def _guard(view: Callable[..., Any], verifier: Verifier, needed: Requirement) -> Any:
    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        request.access_token = verifier.admit(_authorization(request), needed, _sender(verifier, request))
        return view(request, *args, **kwargs)

    return guarded


def _guard_async(view: Callable[..., Any], verifier: Verifier, needed: Requirement) -> Any:
    @functools.wraps(view)
    async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        request.access_token = await admit(verifier, _authorization(request), needed, _sender(verifier, request))
        return await view(request, *args, **kwargs)

    return guarded


def _authorization(request: HttpRequest) -> str | None:
    value = request.headers.get("Authorization")
    return None if value is None else str(value)


def _sender(verifier: Verifier, request: HttpRequest) -> Sender:
    return verifier.sender(str(request.method), request.path, request.headers.get)


def _response(reply: Reply) -> HttpResponse:
    return HttpResponse(reply.body, status=reply.status, headers=reply.headers)
