"""Brakes on guessing, without a lock that a stranger can turn (ASVS 6.1.1, 6.3.1).

Counters stand against a password guess: the account from one address, the address over all accounts
(by the minute and by the hour), and the account over all addresses. Whoever brings the cookie of a
device this account has used before passes one counter only, of that very device, so that strangers who
exhaust the others lock nobody out of a browser they know. A counter is a window, never a permanent state.

What is left, and said: an attacker with many addresses can keep *new* browsers of one account waiting,
a quarter of an hour at a time. Without that brake he would have as many guesses as addresses.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from uuid import UUID

from .user import email_key


@dataclass(frozen=True, slots=True)
class Brake:
    """At most ``limit`` failures under ``key`` in any window of ``window_seconds``."""

    key: bytes
    limit: int
    window_seconds: int


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()[:16]


def network_of(address: str) -> str:
    """What counts as one place: an IPv4 address, or an IPv6 /64, which one subscriber owns whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def password_brakes(email: str, address: str, known_device: UUID | None) -> tuple[Brake, ...]:
    """The brakes one password attempt must pass."""
    account, place = email_key(email), network_of(address)
    if known_device is not None:
        return (Brake(_key("password", account, "device", str(known_device)), 10, 900),)
    return (
        Brake(_key("password", account, "from", place), 10, 900),
        Brake(_key("password", "from", place), 10, 60),  # short: people behind one NAT recover soon
        Brake(_key("password", "from", place, "hour"), 60, 3600),
        Brake(_key("password", account), 100, 900),
    )


def registration_brakes(address: str) -> tuple[Brake, ...]:
    """New accounts from one place."""
    return (Brake(_key("account", network_of(address)), 20, 3600),)


def client_registration_brakes(address: str) -> tuple[Brake, ...]:
    """New clients from one place (open dynamic registration)."""
    return (Brake(_key("client registration", network_of(address)), 200, 3600),)


def pushed_request_brakes(client_id: str, address: str) -> tuple[Brake, ...]:
    """Requests pushed in the name of a client without a secret: anybody can, and each is kept for a while."""
    return (Brake(_key("pushed request", client_id, network_of(address)), 300, 300),)


def interaction_brakes(address: str) -> tuple[Brake, ...]:
    """Requests of one place that wait for a sign-in, each kept for hours. Thousands of people may share an address,
    and each of them needs one."""
    return (Brake(_key("interaction", network_of(address)), 1000, 300),)


def own_interaction_brakes(user_id: UUID) -> tuple[Brake, ...]:
    """Requests that wait for somebody who has signed in, of all their browsers.

    For a minute only: it may have been a page elsewhere that asked.
    """
    return (Brake(_key("interaction of", str(user_id)), 120, 60),)


def recorded_change_brakes(client_id: str) -> tuple[Brake, ...]:
    """Records of a client's rewriting of its own registration: one an hour says that it did."""
    return (Brake(_key("client change recorded", client_id), 1, 3600),)


def request_uri_brakes(client_id: str, address: str) -> tuple[Brake, ...]:
    """Fetches of request objects that one place can make us do for one client (RFC 9101 section 10.4.1)."""
    return (Brake(_key("request uri", client_id, network_of(address)), 60, 60),)


def vain_fetch_brakes(address: str) -> tuple[Brake, ...]:
    """Fetches from strangers' servers that came to nothing, or late, of one place and for whatever purpose: each may
    have held a thread for three seconds, so that these hold half of one."""
    return (Brake(_key("vain fetch", network_of(address)), 10, 60),)


def client_document_brakes(address: str) -> tuple[Brake, ...]:
    """Documents of clients that one place makes us read (OAuth Client ID Metadata Document)."""
    return (Brake(_key("client document", network_of(address)), 60, 600),)


def client_change_brakes(client_id: str, address: str) -> tuple[Brake, ...]:
    """A client that rewrites its own registration (RFC 7592): every change is recorded."""
    return (Brake(_key("client change", client_id, network_of(address)), 60, 3600),)


def client_secret_brakes(client_id: str, address: str) -> tuple[Brake, ...]:
    """Wrong secrets for one client from one place; the client itself is never locked."""
    return (Brake(_key("client secret", client_id, network_of(address)), 50, 300),)


def user_code_brakes(user_id: UUID, address: str) -> tuple[Brake, ...]:
    """Wrong user codes of one person and from one place (RFC 8628 section 5.1): ten a minute, sixty an hour."""
    person, place = str(user_id), network_of(address)
    return (
        Brake(_key("user code", person), 10, 60),
        Brake(_key("user code", person, "hour"), 60, 3600),
        Brake(_key("user code", "from", place), 10, 60),
        Brake(_key("user code", "from", place, "hour"), 60, 3600),
    )


def device_request_brakes(client_id: str, address: str) -> tuple[Brake, ...]:
    """New device codes of one client from one place, each of which is kept for a day (RFC 8628 section 3.1)."""
    return (Brake(_key("device request", client_id, network_of(address)), 200, 300),)


def ciba_brakes(client_id: str, hint: str, address: str) -> tuple[Brake, ...]:
    """How often a client may ask one person, and how many people from one place (CIBA Core 15)."""
    return (
        Brake(_key("ciba", client_id, email_key(hint)), 30, 1800),
        Brake(_key("ciba", client_id, "from", network_of(address)), 300, 600),
    )


def mail_brakes(user_id: UUID, *, verified: bool) -> tuple[Brake, ...]:
    """Mails to one person about their sign-ins. An address that nobody verified may be a stranger's."""
    limit, window_seconds = (5, 3600) if verified else (1, 86400)
    return (Brake(_key("mail", str(user_id), str(verified)), limit, window_seconds),)
