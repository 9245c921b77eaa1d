"""Since when endings are known that nobody has confirmed."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from idp.storage.database import Database
from idp.storage.settling import Settling


def test_the_youngest_counts_whatever_its_group(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.storage.settling._AT_ONCE", 2)
    settling, old = Settling(Database(engine)), [uuid4() for _ in range(5)]
    assert settling.seconds_since(old) < 60
    time.sleep(1.1)
    began = time.monotonic()
    assert settling.seconds_since(old) > 1
    assert settling.seconds_since([*old, uuid4()]) <= time.monotonic() - began


@pytest.mark.slow
def test_more_than_a_statement_has_parameters(engine: Engine) -> None:
    settling, many = Settling(Database(engine)), [uuid4() for _ in range(66_000)]
    assert 0 <= settling.seconds_since(many) < settling.seconds_since(many)
