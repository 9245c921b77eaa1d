"""The composition root: settings → storage → services → blueprints. The one place that knows them all.

Two protocol blueprints, because two audiences read their errors: ``programs`` answers JSON, whatever
happens; ``front_channel`` (authorization, logout) is visited by people's browsers and shows pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Blueprint, Flask, Response, request

from . import logs, mail_server, oauth, underscores, web
from .again import Again, note
from .bodies import Bodies
from .browser import Browser, NoFlaskSession
from .client_address import client_address
from .client_certificate import with_certificates
from .documents import Documents
from .domain.master_key import MasterKeys
from .domain.outbox import MessageKind
from .domain.ports import Stores
from .errors import IdpError, Unavailable
from .every_request import json_for_programs, no_head, only_our_host, prepared
from .fast_lane import FastLane
from .metrics import from_settings
from .oauth.authorization_requests import AuthorizationRequests
from .oauth.authorization_requests import Extension as RequestExtension
from .oauth.client_id_metadata_document import ClientIdDocuments
from .oauth.cors import install as install_cors
from .oauth.cors import mount_preflights
from .oauth.response_modes import ResponseModes
from .oauth.responses import error_for_programs, json_answer
from .oauth.revocation_log import Following, RevocationsEndpoint
from .oauth.rfc6749_authorize import AuthorizationEndpoint
from .oauth.rfc6749_client_authentication import ClientAuthentication
from .oauth.rfc6749_token import TokenAnswers, TokenEndpoint
from .oauth.rfc7009_revocation import RevocationEndpoint
from .oauth.rfc7517_jwks import PATH as JWKS_PATH
from .oauth.rfc7517_jwks import JwksEndpoint
from .oauth.rfc7523_client_assertion import ClientAssertions, ClientKeys
from .oauth.rfc7523_jwt_bearer import BearerAssertions
from .oauth.rfc7591_registration import RegistrationEndpoint
from .oauth.rfc7591_software_statement import SoftwareStatements
from .oauth.rfc7592_configuration import ConfigurationEndpoint
from .oauth.rfc7662_introspection import Introspection, IntrospectionEndpoint
from .oauth.rfc8628_device import DeviceAuthorizationEndpoint
from .oauth.rfc8705_mtls import Certificates
from .oauth.rfc9068_access_token import AccessTokens
from .oauth.rfc9101_request_object import RequestObjects
from .oauth.rfc9126_par import PushedReferences, PushedRequestEndpoint
from .oauth.rfc9396_authorization_details import DetailedRequests, add_details
from .oauth.rfc9449_dpop import Proofs, PushedProofs, nonces, read_jkt
from .oauth.rfc9701_signed_introspection import SignedIntrospection
from .oauth.sender_constraint import PresentedTokens, TokenBinding
from .oauth.server import IdpServer
from .oauth.strangers_hosts import StrangersHosts
from .oidc.backchannel_logout import BackchannelLogout
from .oidc.ciba import BackchannelAuthentication, CibaGrant, CibaPing
from .oidc.ciba_signed_request import SignedRequests
from .oidc.core_id_token import IdTokens
from .oidc.core_request import AuthenticationRequests
from .oidc.core_signed_userinfo import SignedUserinfo
from .oidc.core_userinfo import UserinfoEndpoint
from .oidc.discovery import DiscoveryEndpoint
from .oidc.frontchannel_logout import FrontchannelLogout
from .oidc.jarm import SignedResponses
from .oidc.registration_sector import SectorIdentifiers
from .oidc.rp_initiated_logout import LogoutEndpoint
from .outgoing import Outgoing
from .paths import MIGRATIONS, TEMPLATES
from .services import Services, build
from .services.deliveries import Deliveries, Handler, tombstones
from .settings import Settings
from .storage import migrate
from .storage.database import db, engine_options
from .storage.hot_copy import Witness
from .storage.stores import HotOptions, build_stores

log = structlog.get_logger(__name__)

MAX_BODY = 128 * 1024


@dataclass(frozen=True)
class Extension:
    """``app.extensions["idp"]``."""

    settings: Settings
    stores: Stores
    services: Services
    deliveries: Deliveries


class _Application(Flask):
    """Flask, but that errors are noted for ``again`` before they become answers."""

    def handle_user_exception(self, e: Exception) -> Any:
        note(request.environ, e)
        return super().handle_user_exception(e)


def create_app(settings: Settings) -> Flask:
    """The WSGI application. Raises ConfigurationError; starts although a database server is away."""
    logs.configure(settings.log_level)
    app = _Application("idp", template_folder=str(TEMPLATES), static_folder=None)
    app.config.update(_limits(), **_database(settings))
    app.session_interface = NoFlaskSession()
    db.init_app(app)
    migrate.migrate.init_app(app, db, directory=str(MIGRATIONS))
    master_keys = settings.master_keys()
    metrics = from_settings(settings)
    stores = _stores(app, settings, master_keys, metrics.witness)
    services = build(stores, settings, master_keys)
    deliveries = Deliveries(stores, _handlers(app, settings, stores, services))
    metrics.watch(deliveries.backlog, stores.clock)
    app.extensions["idp"] = Extension(settings, stores, services, deliveries)
    _make_first_keys(stores, services)
    request_log = logs.RequestLog(settings, stores.randomness.token)
    endpoints = _mount(app, settings, stores, services, master_keys, request_log)
    ordinary = web.static_files(settings, Again(app.wsgi_app))
    bodies = Bodies(FastLane(ordinary, settings, request_log, endpoints), MAX_BODY)
    documents = Documents(with_certificates(bodies, settings), settings, endpoints)
    app.wsgi_app = metrics.around(documents)  # type: ignore[method-assign, assignment]
    return app


# ── storage ───────────────────────────────────────────────────────────────────────────────────────


def _limits() -> dict[str, object]:
    """Werkzeug has no limits of its own (security.md section 6, trap 12)."""
    return {
        "MAX_CONTENT_LENGTH": MAX_BODY, "MAX_FORM_MEMORY_SIZE": MAX_BODY, "MAX_FORM_PARTS": 100,
        "PROPAGATE_EXCEPTIONS": False, "PROVIDE_AUTOMATIC_OPTIONS": False,
    }  # fmt: skip


def _database(settings: Settings) -> dict[str, object]:
    url = settings.sql_url
    return {
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "hide_parameters": True, **engine_options(url, settings.database_pool_size, pooled=settings.pooled)
        },
    }  # fmt: skip


def _stores(app: Flask, settings: Settings, master_keys: MasterKeys, witness: Witness) -> Stores:
    """Flask-SQLAlchemy makes the engine; an embedded database is brought up to date at once."""
    embedded = settings.sql_url.startswith("sqlite")
    if embedded and not settings.database_url:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with app.app_context():
        engine = db.engine
        if embedded:
            migrate.upgrade(engine, MIGRATIONS)
    return build_stores(engine, master_keys, MIGRATIONS, hot=_hot(settings, witness))


def _hot(settings: Settings, witness: Witness) -> HotOptions | None:
    """The hot copy, where there is a Redis; a tombstone outlives every access token."""
    if settings.redis_url is None:
        return None
    return HotOptions(
        url=settings.redis_url.get_secret_value(), replicas=settings.redis_replicas,
        tombstone_seconds=settings.access_token_life + 60, witness=witness,
    )  # fmt: skip


def _make_first_keys(stores: Stores, services: Services) -> None:
    """The first start makes what it needs; a server that does not answer yet is asked later."""
    try:
        if not stores.health.migrations_pending():
            services.keys.ensure()
    except Unavailable as error:
        log.warning("the database does not answer at start", error=str(error))


def _handlers(app: Flask, settings: Settings, stores: Stores, services: Services) -> dict[str, Handler]:
    """Who delivers what the outbox holds."""
    outgoing = Outgoing(settings.fetch_private_networks)
    logout = BackchannelLogout(settings.issuer, services.keys, stores.clients, stores.clock, outgoing)
    server = mail_server.parse(settings.smtp_url.get_secret_value()) if settings.smtp_url else None
    return {
        MessageKind.BACKCHANNEL_LOGOUT: Handler(send=logout.send),
        MessageKind.CIBA_PING: Handler(
            send=CibaPing(stores.polled_requests, stores.clients, stores.vault, stores.clock, outgoing).send
        ),
        MessageKind.MAIL: Handler(send=web.Mails(app, settings, stores, server).send),
        MessageKind.TOMBSTONE: tombstones(stores, settings.access_token_life),
    }


# ── edges ─────────────────────────────────────────────────────────────────────────────────────────


def _mount(
    app: Flask, settings: Settings, stores: Stores, services: Services, master_keys: MasterKeys,
    request_log: logs.RequestLog,
) -> Sequence[oauth.Endpoint]:  # fmt: skip
    """Every address. Returns the endpoints for programs, which may stand in the fast lane too."""
    csrf_key = master_keys.current.derive("form token")
    browser = Browser(settings, services.sessions, csrf_key, stores.randomness.token)
    logs.request_log(app, request_log)
    app.before_request(only_our_host(settings))
    web.add_security_headers(app, settings)
    web.register_error_handlers(app)
    endpoints = _mount_protocol(app, settings, stores, services, browser)
    app.register_blueprint(web.blueprint(settings, services, browser))
    app.after_request(prepared(browser))
    json_for_programs(app, settings)
    return endpoints


def _mount_protocol(
    app: Flask, settings: Settings, stores: Stores, services: Services, browser: Browser
) -> Sequence[oauth.Endpoint]:  # fmt: skip
    prefix = settings.path_prefix or None
    programs = Blueprint("programs", __name__, url_prefix=prefix)
    front_channel = Blueprint("front_channel", __name__, url_prefix=prefix)
    id_tokens = IdTokens(settings.issuer, settings.id_token_life, services.keys, stores.users, stores.clock)
    discovery = DiscoveryEndpoint(settings, services.resources, services.authorization_details)
    authentication_requests = AuthenticationRequests(
        id_tokens, services.subjects, user_registration=settings.user_registration
    )
    extensions = (
        authentication_requests.read, DetailedRequests(services.authorization_details).read, read_jkt
    )  # fmt: skip
    reading = _authorization_requests(settings, stores, services, extensions)
    described = _client_documents(settings, stores, services)
    endpoints = (*_token_endpoints(settings, stores, services, id_tokens, reading, described), discovery)
    for endpoint in endpoints:
        endpoint.mount(programs)
    modes = ResponseModes(settings.issuer, SignedResponses(settings.issuer, services.keys, stores.clock).sign)
    telling = FrontchannelLogout(settings, services.frontchannel, browser)
    for page in (
        AuthorizationEndpoint(settings, services, browser, reading, modes, described.introduced), telling,
        LogoutEndpoint(settings, services, browser, id_tokens, telling),
    ):  # fmt: skip
        page.mount(front_channel)
    front_channel.before_request(no_head)
    _mount_health(programs, stores)
    install_cors(programs)
    mount_preflights(programs, ("/token", "/userinfo", "/revoke", "/par", JWKS_PATH, *discovery.paths))
    programs.register_error_handler(IdpError, error_for_programs)
    app.register_blueprint(programs)
    app.register_blueprint(front_channel)
    discovery.mount_before_path(app)
    return endpoints


def _authorization_requests(
    settings: Settings, stores: Stores, services: Services, extensions: Sequence[RequestExtension]
) -> AuthorizationRequests:
    """Pushed, or signed, or as they are."""
    outgoing = Outgoing(settings.fetch_private_networks)
    hosts = _strangers_hosts(settings, stores)
    objects = RequestObjects(
        settings.issuer, ClientKeys(outgoing, hosts), outgoing, stores.throttles, stores.clock,
        _address_of_request(settings), hosts,
    )  # fmt: skip
    references = PushedReferences(settings, services.pushed_requests, objects.resolve)
    return AuthorizationRequests(
        settings, services.tokens, references.resolve, objects.resolve_pushed, extensions
    )  # fmt: skip


def _token_endpoints(
    settings: Settings,
    stores: Stores,
    services: Services,
    id_tokens: IdTokens,
    reading: AuthorizationRequests,
    described: ClientIdDocuments,
) -> tuple[oauth.Endpoint, ...]:
    address = _address_of_request(settings)
    access_tokens = AccessTokens(
        settings.issuer, settings.access_token_life, services.keys, stores.randomness, stores.clock
    )
    keys = ClientKeys(Outgoing(settings.fetch_private_networks), _strangers_hosts(settings, stores))
    assertions = ClientAssertions(settings, keys, stores.assertion_ids, stores.clock)
    statements = SoftwareStatements(settings, keys, stores.clock)
    certificates = Certificates(settings.client_certificate_authorities, keys.all, stores.clock)
    authentication = ClientAuthentication(
        described, assertions, certificates, stores.throttles, stores.clock
    )  # fmt: skip
    vouch = _sector_identifiers(settings, stores).check
    answers = TokenAnswers(access_tokens, stores.clock, (id_tokens.add, add_details))
    proofs = Proofs(stores.assertion_ids, stores.clock, nonces(settings, stores.clock))
    presented = PresentedTokens(settings.issuer, access_tokens, proofs)
    binding = TokenBinding(proofs, settings.urls("/token"))
    bearer = BearerAssertions((settings.issuer, settings.url("/token")), keys, services.trusted_issuers, stores.clock)
    server = IdpServer(authentication, services, access_tokens, bearer, answers.make, binding, (CibaGrant,))
    introspection = Introspection(settings.issuer, access_tokens, services.refresh, services.tokens, services.subjects)
    return (
        TokenEndpoint(server, settings.url("/token"), address),
        PushedRequestEndpoint(
            authentication, reading, PushedProofs(proofs, settings.urls("/par")), services.pushed_requests,
            stores.throttles, stores.clock, address,
        ),
        IntrospectionEndpoint(
            authentication, introspection, SignedIntrospection(settings.issuer, services.keys, stores.clock), address
        ),
        RevocationEndpoint(authentication, access_tokens, services.refresh, services.tokens, stores.work, address),
        JwksEndpoint(services.keys, settings.jwks_max_age),
        RegistrationEndpoint(settings, services, statements, stores.throttles, address, vouch),
        ConfigurationEndpoint(settings, services, statements, stores.throttles, address, vouch),
        *_polled_endpoints(settings, stores, services, authentication, id_tokens, keys),
        UserinfoEndpoint(
            presented, settings.urls("/userinfo"), services.tokens, SignedUserinfo(settings.issuer, services.keys),
            address,
        ),
        RevocationsEndpoint(Following(presented, settings.revocations_urls, stores.revocations), address),
    )  # fmt: skip


def _polled_endpoints(
    settings: Settings, stores: Stores, services: Services, authentication: ClientAuthentication, id_tokens: IdTokens,
    keys: ClientKeys,
) -> tuple[oauth.Endpoint, ...]:  # fmt: skip
    """Where requests begin that a client polls for while a person decides elsewhere."""
    address, signed = _address_of_request(settings), SignedRequests(settings.issuer, keys, stores.clock)
    return (
        BackchannelAuthentication(
            settings, authentication, services, id_tokens, signed, stores.throttles, address
        ),
        DeviceAuthorizationEndpoint(settings, authentication, services, stores.throttles, address),
    )  # fmt: skip


def _client_documents(settings: Settings, stores: Stores, services: Services) -> ClientIdDocuments:
    outgoing = Outgoing(settings.fetch_private_networks)
    return ClientIdDocuments(
        settings, services.clients, services.described_clients, outgoing, stores.throttles, stores.clock, stores.work,
        _address_of_request(settings), _sector_identifiers(settings, stores).check, _strangers_hosts(settings, stores),
    )  # fmt: skip


def _sector_identifiers(settings: Settings, stores: Stores) -> SectorIdentifiers:
    return SectorIdentifiers(Outgoing(settings.fetch_private_networks), _strangers_hosts(settings, stores))


def _strangers_hosts(settings: Settings, stores: Stores) -> StrangersHosts:
    return StrangersHosts(stores.throttles, stores.clock, _address_of_request(settings))


def _address_of_request(settings: Settings) -> oauth.AddressOfRequest:
    """The client's address without the browser's module: a token endpoint knows no cookie."""
    proxies = settings.proxy_networks()
    return lambda: client_address(request.remote_addr, request.headers.get("X-Forwarded-For"), proxies)


def _mount_health(blueprint: Blueprint, stores: Stores) -> None:
    """``/healthz``: the process answers. ``/readyz``: so does the database, else 503."""

    def alive() -> Response:
        return json_answer({"status": "alive"}, headers=underscores.told(dict(request.headers)))

    def ready() -> Response:
        stores.health.ping()
        return json_answer({"status": "ready"})

    blueprint.add_url_rule("/healthz", "healthz", alive)
    blueprint.add_url_rule("/readyz", "readyz", ready)
