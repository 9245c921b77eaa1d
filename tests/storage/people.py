"""Rows that many tests of the stores stand on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any, TypeVar

from idp.domain.client import Client
from idp.domain.device import Device
from idp.domain.ports import Stores
from idp.domain.session import ClientSession, Session
from idp.domain.user import User

from ..builders import a_client, a_client_session, a_device, a_session, a_user

T = TypeVar("T")


@dataclass(frozen=True)
class SignedIn:
    """A person signed in on a device, and an app."""

    user: User
    device: Device
    session: Session
    client: Client


def sign_in(stores: Stores, user: User | None = None, client: Client | None = None, **session: Any) -> SignedIn:
    """A new device and session of the user, all stored."""
    if user is None:
        user = a_user()
        stores.users.add(user)
    if client is None:
        client = a_client()
        stores.clients.add(client)
    device = a_device(user)
    stores.devices.add(device)
    made = a_session(device, **session)
    stores.sessions.add(made)
    return SignedIn(user, device, made, client)


def joined(stores: Stores, who: SignedIn, client: Client | None = None, **members: Any) -> ClientSession:
    """The app's client session, stored."""
    return stores.client_sessions.join(a_client_session(who.session, client or who.client, **members))


def race(threads: int, act: Callable[[int], T]) -> list[T]:
    """Run ``act`` in so many threads that all start at one moment; what each returned."""
    barrier = Barrier(threads)

    def start(number: int) -> T:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(start, range(threads)))
