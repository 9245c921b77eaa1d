"""The ASGI object, ``idp.asgi:app``, for ``idp serve --streams`` and for any other ASGI server.

The composition root of that process: it reads the settings, opens the stores it needs and starts nothing
else. Tables and keys are made by ``idp serve``; this one only reads.
"""

from sqlalchemy import create_engine

from . import housekeeper, logs
from .oauth.revocation_log import Following
from .oauth.rfc9068_access_token import AccessTokens
from .oauth.rfc9449_dpop import Proofs, nonces
from .oauth.sender_constraint import PresentedTokens
from .paths import MIGRATIONS
from .services.keys import Keys
from .settings import Settings, load
from .storage.database import engine_options
from .storage.stores import build_stores
from .streams.app import Streams


def create_app(settings: Settings) -> Streams:
    """The ASGI application. Raises ConfigurationError; starts although a database server is away."""
    logs.configure(settings.log_level)
    url = settings.sql_url
    engine = create_engine(url, hide_parameters=True, **engine_options(url, settings.database_pool_size))
    stores = build_stores(engine, settings.master_keys(), MIGRATIONS)
    keys = Keys(stores, settings)
    access_tokens = AccessTokens(settings.issuer, settings.access_token_life, keys, stores.randomness, stores.clock)
    proofs = Proofs(stores.assertion_ids, stores.clock, nonces(settings, stores.clock))
    presented = PresentedTokens(settings.issuer, access_tokens, proofs)
    following = Following(presented, settings.revocations_urls, stores.revocations)
    return Streams(settings, following, stores.revocations, stores.clock)


app = create_app(load())
housekeeper.end_with_parent()
