"""People, three clients and a resource for the demo, put into the provider's stores; safe to repeat.

``python -m idp.demo.seed`` does it for the data directory of the environment, before the provider
starts. Whatever people changed in an earlier run stays; addresses follow the ports of this run.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime

from ..domain.client import AuthMethod, Client, ClientOrigin, GrantType
from ..domain.ports import Stores
from ..domain.scope import STANDARD_SCOPES, Resource, Scope
from ..domain.user import User
from .people import PEOPLE, Person
from .places import API_ID, APP_ID, JOB_ID, SCOPES, Places, read_places


def seed(stores: Stores, places: Places) -> None:
    """Make what is missing. Raises Unavailable if the database does not answer."""
    fresh = {client_id: stores.randomness.token() for client_id in (APP_ID, API_ID, JOB_ID)}
    places.keep_secrets({**fresh, **places.secrets()})
    hashes = {person.email: stores.passwords.hash(person.password) for person in _missing(stores)}
    with stores.work():
        now = stores.clock.now()
        for person in _missing(stores):
            stores.users.add(_user(stores, person, hashes[person.email], now))
        for client in (_app(places, now), _api(places, now), _job(places, now)):
            _put_client(stores, client)
        _put_resource(stores, places, now)


def _missing(stores: Stores) -> list[Person]:
    return [person for person in PEOPLE if stores.users.by_email(person.email) is None]


def _user(stores: Stores, person: Person, password_hash: str, now: datetime) -> User:
    return User(
        id=stores.randomness.uuid(), email=person.email, email_verified=True, password_hash=password_hash,
        claims=person.claims, created_at=now, updated_at=now, password_changed_at=now,
    )  # fmt: skip


def _put_client(stores: Stores, client: Client) -> None:
    """Add it, or bring it in line: the ports and the secrets file of this run count."""
    before = stores.clients.get(client.client_id)
    if before is None:
        stores.clients.add(client)
    else:
        stores.clients.save(replace(client, created_at=before.created_at, disabled_at=before.disabled_at))


def _app(places: Places, now: datetime) -> Client:
    return Client(
        client_id=APP_ID,
        client_name="Notebook",
        origin=ClientOrigin.OPERATOR,
        redirect_uris=(places.callback,),
        post_logout_redirect_uris=(places.signed_out,),
        grant_types=(GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN),
        token_endpoint_auth_method=AuthMethod.BASIC,
        scope=(*STANDARD_SCOPES, *SCOPES),
        metadata={
            "client_uri": places.app,
            "backchannel_logout_uri": places.backchannel_logout,
            "backchannel_logout_session_required": True,
        },
        secret_hash=_hash(places.secret(APP_ID)),
        created_at=now,
        updated_at=now,
    )


def _api(places: Places, now: datetime) -> Client:
    """The resource server as a client: it introspects, and asks for itself to read the revocation log."""
    return Client(
        client_id=API_ID,
        client_name="Notes API",
        origin=ClientOrigin.OPERATOR,
        grant_types=(GrantType.CLIENT_CREDENTIALS,),
        token_endpoint_auth_method=AuthMethod.BASIC,
        secret_hash=_hash(places.secret(API_ID)),
        created_at=now,
        updated_at=now,
    )


def _job(places: Places, now: datetime) -> Client:
    """A machine that acts for itself, by client credentials (RFC 6749 section 4.4)."""
    return Client(
        client_id=JOB_ID,
        client_name="Nightly job",
        origin=ClientOrigin.OPERATOR,
        grant_types=(GrantType.CLIENT_CREDENTIALS,),
        token_endpoint_auth_method=AuthMethod.POST,
        scope=("notes.read",),
        secret_hash=_hash(places.secret(JOB_ID)),
        created_at=now,
        updated_at=now,
    )


def _put_resource(stores: Stores, places: Places, now: datetime) -> None:
    for resource, _scopes in stores.resources.list():
        if resource.client_id == API_ID and resource.identifier != places.api:
            stores.resources.delete(resource.identifier)  # it stood on another port in an earlier run
    if places.api not in stores.resources.known([places.api]):
        scopes = [Scope(name=name, resource=places.api, sentence=text) for name, text in SCOPES.items()]
        resource = Resource(identifier=places.api, name="Notes", client_id=API_ID, created_at=now)
        stores.resources.add(resource, scopes)


def _hash(secret: str) -> bytes:
    """As the provider keeps client secrets: SHA-256 over 256 random bits (domain.client)."""
    return hashlib.sha256(secret.encode()).digest()


def main() -> None:
    """Seed the database of the environment."""
    from ..cli.runtime import opened  # the application is needed here alone

    with opened() as runtime:
        seed(runtime.stores, read_places())


if __name__ == "__main__":
    main()
