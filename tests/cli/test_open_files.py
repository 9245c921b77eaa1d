"""Room for streams: the limit of open files is raised, and doctor says where that will not do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from idp.cli.findings import GOOD, WARN
from idp.cli.open_files import BESIDES, checks
from idp.settings import Settings

LIMITED = """
import resource, sys
from idp.cli.open_files import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (100, int(sys.argv[1])))
print(raise_limit(int(sys.argv[2])), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def limited(hard: int, wanted: int) -> list[int]:
    """What a process with a soft limit of 100 has room for, and its limit afterwards."""
    out = subprocess.run([sys.executable, "-c", LIMITED, str(hard), str(wanted)], capture_output=True, check=True)
    return [int(number) for number in out.stdout.split()]


@pytest.mark.parametrize(("wanted", "room"), [(400, 400), (9000, 500), (50, 100)])
def test_the_limit_is_raised_as_far_as_it_goes(wanted: int, room: int) -> None:
    assert limited(500, wanted) == [room, room]


@pytest.mark.parametrize(("hard", "level"), [(2000 + BESIDES, GOOD), (2000, WARN), (-1, GOOD)])
def test_doctor_says_whether_there_is_room(monkeypatch: pytest.MonkeyPatch, hard: int, level: str) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _which: (1024, hard))
    [check] = checks(Settings(streams_limit=2000))
    assert check.level == level
