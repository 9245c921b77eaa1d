"""Clients that describe themselves at a URL: what was read is kept as their registration.

Section numbers are those of draft-ietf-oauth-client-id-metadata-document-01.

Why the row of a client: consent, sessions and codes refer to one, and what was read last is what a token
request is measured by. What a change does to earlier consent (section 6.3) is ``Clients``' to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ..domain.client import Client
from ..domain.client_id_document import metadata_of
from ..domain.metadata_members import MetadataProblem
from ..domain.ports import Stores
from ..errors import ProtocolError
from .clients import Clients


class DescribedClients:
    """Every change happens in the caller's transaction."""

    def __init__(self, stores: Stores, clients: Clients) -> None:
        self._stores = stores
        self._clients = clients

    def keep(self, client_id: str, document: Mapping[str, object], until: datetime) -> Client:
        """What the document at ``client_id`` says now, fresh ``until`` then.

        Raises ProtocolError for a document that registers nothing (section 4.1), Conflict if another
        request was first.
        """
        try:
            metadata = metadata_of(document, client_id)
        except MetadataProblem as problem:
            raise ProtocolError(problem.code, problem.text, section="RFC 7591 3.2.2") from None
        held = self._stores.clients.hold(client_id)
        return self._clients.describe(held, client_id, metadata, until)
