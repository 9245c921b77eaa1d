"""The whole demo on free ports: provider, app and API as the processes that ``idp demo`` starts."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from idp.demo.children import Children
from idp.demo.places import Places, places_on
from idp.demo.run import start


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on: held together, so that they differ, and then let go."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [held.getsockname()[1] for held in sockets]


def free_places(data_dir: Path) -> Places:
    """Places for a demo beside others."""
    port, app_port, api_port = free_ports(3)
    return places_on(port, app_port, api_port, data_dir)


@contextmanager
def running_demo(data_dir: Path) -> Iterator[Places]:
    """Seeded and answering; stopped at the end."""
    places = free_places(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    with Children(data_dir / "logs") as children:
        start(places, children)
        yield places
