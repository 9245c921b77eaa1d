"""Where templates, static files and migrations are: beside the package in a checkout, inside it when installed."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
ROOT = (_PACKAGE / "_data") if (_PACKAGE / "_data").is_dir() else _PACKAGE.parent
TEMPLATES, STATIC, MIGRATIONS = ROOT / "templates", ROOT / "static", ROOT / "migrations"
