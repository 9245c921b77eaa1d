"""The proxy of ``docker-compose.yml``, run: its own configuration, with the addresses of this test.

with Proxy({"provider-1": 5001, "provider-2": 5002, "streams": 5003}) as proxy: proxy.url
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from .postgres import free_port

COMPOSE = Path(__file__).parents[1] / "docker-compose.yml"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def binary() -> str | None:
    """The installed ``nginx``, or None. Debian puts it where only root looks."""
    return shutil.which("nginx") or next((path for path in ("/usr/sbin/nginx",) if os.access(path, os.X_OK)), None)


def configuration() -> str:
    """As nginx gets it: compose has written ``$`` for each ``$$``."""
    content: str = yaml.safe_load(COMPOSE.read_text())["configs"]["proxy"]["content"]
    return content.replace("$$", "$")


class Proxy:
    """``ports`` says where each upstream server of the configuration is, on loopback."""

    def __init__(self, ports: Mapping[str, int], port: int = 0) -> None:
        self._ports = ports
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port or free_port()
        self.folder = Path()

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="idp-proxy-"))
        (self.folder / "nginx.conf").write_text(self._here(configuration()))
        found = binary()
        assert found is not None, "nginx is not installed"
        command = [found, "-p", str(self.folder), "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _here(self, text: str) -> str:
        """Other addresses, other directories; nothing else of the configuration changes."""
        for name, port in self._ports.items():
            text = text.replace(f"server {name}:8000", f"server 127.0.0.1:{port}")
        assert not re.search(r"server [a-z0-9-]+:8000", text), "an upstream server without a port"
        text = text.replace("listen 8000;", f"listen 127.0.0.1:{self.port};").replace("/dev/stdout", "access.log")
        folders = "".join(f"{name}_temp_path {self.folder}/{name};\n" for name in _TEMPORARY)
        user = "user root;\n" if os.getuid() == 0 else ""
        return f"{user}pid nginx.pid;\n" + text.replace("http {", "http {\n" + folders, 1)

    def _wait(self) -> None:
        assert self._process is not None
        end = time.monotonic() + 30
        while time.monotonic() < end and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())
