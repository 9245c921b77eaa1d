"""Static files: a hash of the content in each name, compressed once, cached for ever (pages.md 87).

Why they are copied at start: WhiteNoise serves a compressed sibling if one lies on disk, and our
checkout has no build step. Each process writes its few kilobytes to a directory of its own, so an
installation may be read-only and two versions may run side by side during a deployment.
"""

from __future__ import annotations

import atexit
import gzip
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from whitenoise import WhiteNoise  # type: ignore[import-untyped, unused-ignore]

from ..paths import STATIC
from ..settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_NAMED = re.compile(r"idp-static-([1-9][0-9]{0,9})-\w+")
_HASHED = re.compile(r"\.[0-9a-f]{12}\.[a-z]+$")


@dataclass(frozen=True, slots=True)
class Published:
    """The directory that is served and, for each file of ours, its hashed name in it."""

    directory: Path
    names: Mapping[str, str]


@cache
def publish(source: Path) -> Published:
    """Copy ``source`` under hashed names, with compressed siblings, once per process."""
    _sweep(Path(tempfile.gettempdir()))
    return _write(source)


def _write(source: Path) -> Published:
    """Always a directory of a new name: one of the old name may be somebody else's by now."""
    directory = Path(tempfile.mkdtemp(prefix=f"idp-static-{os.getpid()}-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    names = {}
    for path in sorted(source.iterdir()):
        if path.is_file():
            content = path.read_bytes()
            names[path.name] = hashed = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
            (directory / hashed).write_bytes(content)
            (directory / f"{hashed}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    return Published(directory, names)


def _sweep(folder: Path) -> None:
    """Remove what processes left that could not tidy up (kill -9, no memory).

    A process of another container that shares ``folder`` looks dead from here; it writes its files anew.
    """
    for path in folder.glob("idp-static-*"):
        made_by = _NAMED.fullmatch(path.name)
        if made_by and _ours(path) and not _alive(int(made_by[1])):
            shutil.rmtree(path, ignore_errors=True)


def _ours(directory: Path) -> bool:
    """A real directory of this user. In ``/tmp`` anybody may make one of a name that has become free."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@dataclass(frozen=True, slots=True)
class Assets:
    """Addresses for templates: ``asset('idp.css')``."""

    prefix: str

    def __call__(self, name: str) -> str:
        """The hashed address. Raises KeyError for a file that does not exist."""
        return f"{self.prefix}/static/{publish(STATIC).names[name]}"


def static_files(settings: Settings, wsgi_app: WSGIApplication, source: Path = STATIC) -> StaticFiles:
    """Wrap the application so that static files never reach it."""
    return StaticFiles(wsgi_app, source, f"{settings.path_prefix}/static/")


class StaticFiles(WhiteNoise):  # type: ignore[misc, unused-ignore]
    """WhiteNoise that outlives its files: a cleaner of ``/tmp`` removes what nobody wrote for ten days."""

    def __init__(self, wsgi_app: WSGIApplication, source: Path, prefix: str) -> None:
        self._source, self._prefix, self._writing = source, prefix, Lock()
        self._directory = publish(source).directory
        super().__init__(
            wsgi_app, root=str(self._directory), prefix=prefix, immutable_file_test=_is_hashed,
            allow_all_origins=False, add_headers_function=_add_headers,
        )  # fmt: skip

    def serve(self, static_file: Any, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer with the file, written anew if it is gone; 404 if it cannot be had, never an exception."""
        directory = self._directory
        try:
            try:
                return self._answer(static_file, directory, environ, start_response)
            except FileNotFoundError:
                self._write_anew(directory)
                again = self.files[environ["PATH_INFO"]]
                return self._answer(again, self._directory, environ, start_response)
        except (OSError, KeyError):
            start_response("404 Not Found", [("Content-Length", "0"), ("Cache-Control", "no-store")])
            return []

    def _answer(
        self, static_file: Any, directory: Path, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        if not _ours(directory):
            raise FileNotFoundError(directory)
        answer: Iterable[bytes] = super().serve(static_file, environ, start_response)
        return answer

    def _write_anew(self, missed: Path) -> None:
        """Once, however many requests miss the same directory."""
        with self._writing:
            if self._directory != missed:
                return
            directory = _write(self._source).directory
            self.add_files(str(directory), self._prefix)
            self._directory = directory
            if _ours(missed):
                shutil.rmtree(missed, ignore_errors=True)


def _is_hashed(_path: str, url: str) -> bool:
    return bool(_HASHED.search(url))


def _add_headers(headers: dict[str, str], _path: str, _url: str) -> None:
    """WhiteNoise answers before the application does, so the rules of pages.md 69 are repeated here."""
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Content-Security-Policy"] = "default-src 'none'"
