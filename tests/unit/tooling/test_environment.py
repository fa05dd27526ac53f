"""The environment: every variable is documented, none of them reaches the tests, and wrong ones are told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, sources
from vwed.tuning.parameters import PARAMETERS

#: Set by our own processes for each other, never by people.
INTERNAL = {"VWED_CONSOLE_PID", "VWED_PROCESS"}
_READ = re.compile(r"""\benv\.\w+\(\s*["']([A-Z][A-Z0-9_]+)["']""")
_DOCUMENTED = re.compile(r"^#?([A-Z][A-Z0-9_]+)=", re.MULTILINE)


def documented() -> list[str]:
    return _DOCUMENTED.findall((ROOT / ".env.example").read_text(encoding="utf-8"))


def test_the_example_lists_exactly_the_variables_that_are_read() -> None:
    read = {name for source in sources() for name in _READ.findall(source.text)} - INTERNAL

    tunables = {parameter.variable for parameter in PARAMETERS}  # each has one; the example names the most useful

    others = sorted(set(documented()) - tunables)
    assert others == sorted(read - tunables), "Remedy: one entry in .env.example for each variable of the settings"


def test_no_variable_of_the_developer_reaches_the_tests() -> None:
    allowed = {"SECRET_KEY", "VWED_ENV_FILE"}  # given by tests/settings.py

    assert set(documented()) & set(os.environ) <= allowed


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DATABASE_URL", "postgres://somebody@somewhere/vwed", "sqlite:///"),
        ("DATABASE_URL", "garbage", "cannot be read"),
        ("WORKERS", "two", "two"),
    ],
)
def test_a_wrong_value_is_told_at_the_start(name: str, value: str, words: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "vwed.settings", "VAR_DIR": str(tmp_path), name: value}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert name in done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_relative_paths_start_at_the_project_wherever_a_process_is_started(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "sqlite:///var/other.sqlite3", "VAR_DIR": "var", "SECRET_KEY": "x" * 50}
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "vwed.settings", **given}
    code = "from django.conf import settings as s; print(s.DATABASES['default']['NAME'], s.VAR_DIR)"
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "--verbosity", "0", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.split() == [str(ROOT / "var" / "other.sqlite3"), str(ROOT / "var")]
    assert not list(tmp_path.iterdir())


def test_a_start_without_any_variable_works_and_makes_its_own_secret(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in {"SECRET_KEY", "VWED_PROCESS"}}
    environment |= {"DJANGO_SETTINGS_MODULE": "vwed.settings", "VAR_DIR": str(tmp_path / "new")}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new" / "secret_key").is_file()
