"""What can be done: the only place where state changes.

Services talk to ``domain.ports`` and know neither Flask nor SQL. Transactions are opened by the edge
through ``work``; the three exceptions say why in their modules (``codes``, ``refresh``, ``sign_in``).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.master_key import MasterKeys
from ..domain.ports import Clock, Stores, Work
from ..settings import Settings
from .accounts import Accounts
from .authorization_details import AuthorizationDetails
from .client_documents import DescribedClients
from .clients import Clients
from .codes import Codes
from .consents import Consents
from .deliveries import Outbox
from .exchange import Exchanging
from .frontchannel import Frontchannel
from .housekeeping import Housekeeping
from .initial_access import InitialAccess
from .interactions import InteractionFlow
from .keys import Keys
from .notices import Notices
from .polling import Polling
from .profiles import Profiles
from .pushed_requests import PushedRequests
from .refresh import Refreshing
from .resources import Resources
from .restoring import Restoring
from .sessions import SessionControl
from .sign_in import SignIn
from .subjects import Subjects
from .tokens import Tokens
from .trusted_issuers import TrustedIssuers


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything an edge is given."""

    work: Work
    clock: Clock
    accounts: Accounts
    profiles: Profiles
    sign_in: SignIn
    sessions: SessionControl
    consents: Consents
    interactions: InteractionFlow
    pushed_requests: PushedRequests
    codes: Codes
    polling: Polling
    exchange: Exchanging
    trusted_issuers: TrustedIssuers
    refresh: Refreshing
    tokens: Tokens
    subjects: Subjects
    keys: Keys
    clients: Clients
    described_clients: DescribedClients
    resources: Resources
    authorization_details: AuthorizationDetails
    frontchannel: Frontchannel
    initial_access: InitialAccess
    housekeeping: Housekeeping
    notices: Notices
    restoring: Restoring
    outbox: Outbox


def build(stores: Stores, settings: Settings, master_keys: MasterKeys) -> Services:
    """Wire the services to their stores."""
    sessions = SessionControl(stores, settings)
    keys = Keys(stores, settings)
    clients = Clients(stores, sessions, keys.algs, settings.auth_methods)
    tokens = Tokens(stores, settings.issuer, sessions)
    details = AuthorizationDetails(stores)
    consents = Consents(stores, sessions, details)
    return Services(
        work=stores.work,
        clock=stores.clock,
        profiles=Profiles(stores),
        accounts=Accounts(stores, settings, sessions),
        sign_in=SignIn(stores, settings, sessions),
        sessions=sessions,
        consents=consents,
        interactions=InteractionFlow(stores, settings, details),
        exchange=Exchanging(stores, tokens, details),
        trusted_issuers=TrustedIssuers(stores, settings, master_keys),
        polling=Polling(stores, settings, master_keys, consents, details),
        pushed_requests=PushedRequests(stores, settings),
        codes=Codes(stores, settings, master_keys, sessions),
        refresh=Refreshing(stores, settings, master_keys, sessions, tokens, details),
        tokens=tokens,
        subjects=Subjects(stores),
        keys=keys,
        clients=clients,
        described_clients=DescribedClients(stores, clients),
        resources=Resources(stores),
        authorization_details=details,
        frontchannel=Frontchannel(stores),
        initial_access=InitialAccess(stores),
        housekeeping=Housekeeping(stores, sessions, keys),
        notices=Notices(stores),
        restoring=Restoring(stores, sessions),
        outbox=Outbox(stores),
    )
