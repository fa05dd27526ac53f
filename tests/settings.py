"""Test settings: SQLite by default, MariaDB with ``VWED_TEST_DB=mysql``."""

from __future__ import annotations

import os

from vwed.settings import *  # noqa: F403
from vwed.settings import DATABASES, VAR_DIR

_suffix = os.environ.get("VWED_TEST_SUFFIX", "")

if os.environ.get("VWED_TEST_DB") == "mysql":
    from vwed import databases
    from vwed.env import env

    DATABASES["default"] = databases.complete(
        env.db_url_config(os.environ.get("VWED_TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/vwed"))
    )
    DATABASES["default"]["TEST"] = {"NAME": f"test_vwed{_suffix}", "CHARSET": "utf8mb4"}
else:
    VAR_DIR.mkdir(exist_ok=True)
    # A file, not memory: tests use two real connections and subprocesses.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / f"test{_suffix}.sqlite3")}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
