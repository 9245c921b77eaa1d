"""``idp`` whose ``serve`` serves ``tests.faults.wsgi``, the application with a clock that can be shifted."""

from __future__ import annotations

import sys
from typing import Any
from unittest.mock import patch

import granian

import idp.cli


def main() -> int:
    """As ``idp`` itself."""
    original = granian.Granian

    def shifted(target: str, **options: Any) -> Any:
        return original("tests.faults.wsgi:app" if target == "idp.wsgi:app" else target, **options)

    with patch.object(granian, "Granian", shifted):
        return idp.cli.main()


if __name__ == "__main__":
    sys.exit(main())
