"""Who stands where in the demo, and the secrets its clients share with the provider.

Why three host names: cookies know no ports (RFC 6265 section 8.5), so on one host the app would get
the provider's cookies. Where 127.0.0.2 cannot be bound (macOS), the API, which uses no cookies, moves
to 127.0.0.1 beside the app.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APP_ID, API_ID, JOB_ID = "demo-app", "demo-api", "demo-job"
SCOPES = {
    "notes.read": "Read your notes",
    "notes.write": "Write notes for you",
}
_SECRETS = "demo-clients.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Addresses without a final slash. ``api`` is also the resource's identifier (RFC 8707)."""

    issuer: str
    app: str
    api: str
    data_dir: Path

    @property
    def callback(self) -> str:
        """Where the provider sends people back to."""
        return f"{self.app}/callback"

    @property
    def signed_out(self) -> str:
        """Where the provider sends people after signing out."""
        return f"{self.app}/signed-out"

    @property
    def backchannel_logout(self) -> str:
        """Where the provider tells the app that a session has ended."""
        return f"{self.app}/backchannel-logout"

    def environment(self) -> dict[str, str]:
        """How a child process is told; ``read_places`` is the other end."""
        return {
            "IDP_DEMO_ISSUER": self.issuer,
            "IDP_DEMO_APP": self.app,
            "IDP_DEMO_API": self.api,
            "IDP_DEMO_DATA_DIR": str(self.data_dir),
        }

    def secret(self, client_id: str) -> str:
        """The secret of one of the demo's clients. Raises KeyError if it was not seeded."""
        return self.secrets()[client_id]

    def secrets(self) -> dict[str, str]:
        """By client id; empty before anything was seeded."""
        path = self.data_dir / _SECRETS
        secrets: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return secrets

    def keep_secrets(self, secrets: Mapping[str, str]) -> None:
        """Write them for this user's eyes alone."""
        path = self.data_dir / _SECRETS
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(secrets, file)


def places_on(port: int, app_port: int, api_port: int, data_dir: Path) -> Places:
    """The places for these ports on this machine."""
    api_host = "127.0.0.2" if can_bind("127.0.0.2", 0) else "127.0.0.1"
    return Places(
        issuer=f"http://localhost:{port}",
        app=f"http://127.0.0.1:{app_port}",
        api=f"http://{api_host}:{api_port}",
        data_dir=data_dir.absolute(),
    )


def read_places(environment: Mapping[str, str] = os.environ) -> Places:
    """What the parent process told us. Raises KeyError if there is no such parent."""
    return Places(
        issuer=environment["IDP_DEMO_ISSUER"],
        app=environment["IDP_DEMO_APP"],
        api=environment["IDP_DEMO_API"],
        data_dir=Path(environment["IDP_DEMO_DATA_DIR"]),
    )


def can_bind(host: str, port: int) -> bool:
    """Could a server listen there now?"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
