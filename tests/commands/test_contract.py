"""The contract of every command, as a terminal sees it: exit codes, one JSON document, words for people on stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.sources import ROOT

#: Command lines that need the database.
NEED_TABLES = (
    ("run_task", "Move pallet"),
    ("show_task", "r-1"),
    ("cancel_task", "r-1"),
    ("pause_task", "r-1"),
    ("resume_task", "r-1"),
    ("retry_task", "r-1"),
    ("skip_block", "r-1"),
    ("set_priority", "r-1", "--priority", "3"),
    ("periodic", "Move pallet", "--on"),
    ("cache", "list"),
    ("cache", "clear", "k", "--reason", "because"),
    ("tune", "list"),
    ("tune", "set", "max_retries", "5", "--reason", "because"),
    ("export_tasks", "-o", "-"),
)


def manage(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``manage.py`` on an installation of its own."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "vwed.settings",
        "VAR_DIR": str(directory),
        "DATABASE_URL": f"sqlite:///{directory / 'contract.sqlite3'}",
    }
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("arguments", NEED_TABLES, ids=lambda arguments: " ".join(arguments[:2]))
def test_without_tables_every_command_says_how_to_make_them(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = manage(tmp_path, *arguments, "--json")

    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "not_migrated"
    assert "manage.py migrate" in error["remedy"]
    assert "Traceback" not in done.stderr


def test_importing_without_tables_imports_nothing_and_says_so(tmp_path: Path) -> None:
    path = ROOT / "vwed" / "demo" / "tasks" / "move-pallet.task"
    done = manage(tmp_path, "import_tasks", str(path), "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "not_migrated"


@pytest.mark.parametrize(
    "arguments",
    [
        ("run_task",),
        ("run_task", "x", "--priority", "high"),
        ("run_task", "x", "--wait", "soon"),
        ("show_task",),
        ("skip_block",),
        ("set_priority", "r-1"),
        ("set_priority", "r-1", "--priority", "high"),
        ("import_tasks",),
        ("export_tasks",),
        ("cache", "set", "k", "v"),
        ("tune",),
        ("tune", "set", "max_retries", "5"),
        ("console", "--port", "99999999"),
        ("console", "--workers", "0"),
        ("doctor", "--port", "x"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = manage(tmp_path, *arguments)

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_wrong_usage_gives_one_json_document_when_one_was_asked_for(tmp_path: Path) -> None:
    done = manage(tmp_path, "run_task", "--json")
    document: dict[str, Any] = json.loads(done.stdout)

    assert done.returncode == 2
    assert document["error"]["code"] == "wrong_usage"
    assert "usage:" in done.stderr
