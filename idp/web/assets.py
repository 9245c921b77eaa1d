"""Static files: a hash of the content in each name, compressed once, cached for ever (pages.md 87).

Why they are copied at start: WhiteNoise serves a compressed sibling if one lies on disk, and our
checkout has no build step. Each process writes its few kilobytes to a directory of its own, so an
installation may be read-only and two versions may run side by side during a deployment.
"""

from __future__ import annotations

import atexit
import gzip
import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from whitenoise import WhiteNoise  # type: ignore[import-untyped, unused-ignore]

from ..paths import STATIC
from ..settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_HASHED = re.compile(r"\.[0-9a-f]{12}\.[a-z]+$")


@dataclass(frozen=True, slots=True)
class Published:
    """The directory that is served and, for each file of ours, its hashed name in it."""

    directory: Path
    names: Mapping[str, str]


@cache
def publish(source: Path) -> Published:
    """Copy ``source`` under hashed names, with compressed siblings, once per process."""
    directory = Path(tempfile.mkdtemp(prefix="idp-static-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    names = {}
    for path in sorted(source.iterdir()):
        if path.is_file():
            content = path.read_bytes()
            names[path.name] = hashed = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
            (directory / hashed).write_bytes(content)
            (directory / f"{hashed}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    return Published(directory, names)


@dataclass(frozen=True, slots=True)
class Assets:
    """Addresses for templates: ``asset('idp.css')``."""

    prefix: str

    def __call__(self, name: str) -> str:
        """The hashed address. Raises KeyError for a file that does not exist."""
        return f"{self.prefix}/static/{publish(STATIC).names[name]}"


def static_files(settings: Settings, wsgi_app: WSGIApplication) -> WhiteNoise:
    """Wrap the application so that static files never reach it."""
    return WhiteNoise(
        wsgi_app,
        root=str(publish(STATIC).directory),
        prefix=f"{settings.path_prefix}/static/",
        immutable_file_test=_is_hashed,
        allow_all_origins=False,
        add_headers_function=_add_headers,
    )


def _is_hashed(_path: str, url: str) -> bool:
    return bool(_HASHED.search(url))


def _add_headers(headers: dict[str, str], _path: str, _url: str) -> None:
    """WhiteNoise answers before the application does, so the rules of pages.md 69 are repeated here."""
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Content-Security-Policy"] = "default-src 'none'"
