"""A provider started as an operator starts it: ``idp serve`` in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

START_SECONDS = 90.0  # a machine that runs other tests too


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(**settings: str) -> dict[str, str]:
    """Ours without any IDP_* and PYTHONPATH, with these settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("IDP_", "PYTHONPATH"))}
    return {**own, **settings}


@dataclass
class Served:
    """A running provider."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def get(self, path: str) -> tuple[int, str, Message]:
        """Status, body and headers; an error status is an answer too."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=10) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), error.headers

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop and return its exit code."""
        self.process.send_signal(with_signal)
        return self.process.wait(20)

    def wait(self) -> None:
        """Until it answers. Fails with its log if it does not."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.get("/readyz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"idp serve does not answer (exit code {self.process.poll()}):\n{self.log.read_text()}")


@contextmanager
def serving(command: Sequence[str], folder: Path, *options: str, **settings: str) -> Iterator[Served]:
    """``command serve`` on a free port, with its data and its log in ``folder``."""
    port = free_port()
    address, log = f"http://localhost:{port}", folder / "serve.log"
    environment = clean_environment(IDP_ISSUER=address, IDP_DATA_DIR=str(folder / "data"), **settings)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "serve", "--port", str(port), *options], cwd=folder, env=environment, stdout=out, stderr=out
        )
    served = Served(process, address, log)
    try:
        served.wait()
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)
