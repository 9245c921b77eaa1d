"""SecurityEvent: one line of the append-only record of what happened, to whom, from where, why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEvent:
    """``kind`` is dotted, coarse to fine: ``sign_in.succeeded``, ``session.ended``."""

    id: UUID
    at: datetime
    kind: str
    user_id: UUID | None = None
    client_id: str | None = None
    session_id: UUID | None = None
    device_id: UUID | None = None
    actor: str = "system"
    reason: str | None = None
    address: str = ""
    user_agent: str = ""
    details: Mapping[str, object] = field(default_factory=dict)
