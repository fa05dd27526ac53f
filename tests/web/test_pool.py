"""The web process, and nobody else, takes its connections from a pool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.installation import database_url
from vwed import databases

ROOT = Path(__file__).resolve().parents[2]
MYSQL = {"ENGINE": "django.db.backends.mysql", "NAME": "vwed"}
SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "x"}

#: Many threads that each ask once, as requests do; then the pool is looked at.
_LOAD = """
import threading, django
django.setup()
from django.db import connection
from vwed.monitoring.pool import local_pool
barrier = threading.Barrier(15)
def ask():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        barrier.wait(20)
        if threading.current_thread().name == "first":
            print("busy", *local_pool())
        barrier.wait(20)
    connection.close()
threads = [threading.Thread(target=ask, name="first" if n == 0 else None) for n in range(15)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("idle", *local_pool())
"""


def test_the_pool_has_the_agreed_figures() -> None:
    made = databases.complete(dict(MYSQL), web=True)

    assert made["ENGINE"] == "vwed.pooled_mysql"
    assert made["POOL_OPTIONS"] == {"POOL_SIZE": 10, "MAX_OVERFLOW": 20, "RECYCLE": 600, "TIMEOUT": 30}
    assert made["CONN_MAX_AGE"] == 0


def test_no_other_process_has_one() -> None:
    made = databases.complete(dict(MYSQL))

    assert made["ENGINE"] == "django.db.backends.mysql"
    assert "POOL_OPTIONS" not in made
    assert 0 < made["CONN_MAX_AGE"] < 28_800


def test_sqlite_has_none_and_keeps_no_connection_per_request() -> None:
    made = databases.complete(dict(SQLITE), web=True)

    assert "POOL_OPTIONS" not in made
    assert made["CONN_MAX_AGE"] == 0


@pytest.mark.mysql
def test_connections_beyond_the_size_overflow_and_come_back(db: None) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "vwed.settings",
        "VWED_PROCESS": "web",
        "DATABASE_URL": database_url(),
    }
    done = subprocess.run(
        [sys.executable, "-c", _LOAD], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    busy, idle = (line.split() for line in done.stdout.strip().splitlines()[-2:])
    assert busy == ["busy", "15", "10", "5", "0"]
    assert idle[:3] == ["idle", "0", "10"]
