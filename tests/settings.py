"""Test settings: SQLite by default, MariaDB with ``VWED_TEST_DB=mysql``. No variable of the developer leaks in."""

from __future__ import annotations

import os
import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_EXAMPLE = _ROOT / ".env.example"

# Every variable that configures an installation is documented in .env.example; none of them may reach the tests.
for _line in _EXAMPLE.read_text().splitlines() if _EXAMPLE.is_file() else ():
    if _match := re.match(r"#?\s*([A-Z][A-Z0-9_]+)=", _line):
        os.environ.pop(_match[1], None)
os.environ["VWED_ENV_FILE"] = os.devnull
os.environ["SECRET_KEY"] = "only-for-tests-" + "x" * 40

from vwed.settings import *  # noqa: E402, F403
from vwed.settings import DATABASES, VAR_DIR  # noqa: E402

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
