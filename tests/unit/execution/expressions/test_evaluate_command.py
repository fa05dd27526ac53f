"""``manage.py evaluate``: value and type or the error with its place; exit codes; one JSON document; no database."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[4]


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("evaluate", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as ended:
        return int(str(ended.code or 0)), out.getvalue(), err.getvalue()
    except CommandError as refused:
        return refused.returncode, out.getvalue(), str(refused)
    return 0, out.getvalue(), err.getvalue()


@pytest.fixture
def scope_file(tmp_path: Path) -> str:
    path = tmp_path / "scope.json"
    path.write_text('{"taskInputs": {"qty": {"$long": 5}}, "blocks": {}, "task": {"variables": {}}}', encoding="utf-8")
    return str(path)


def test_a_value_is_printed_with_its_type(scope_file: str) -> None:
    assert run("taskInputs.qty / 2", "--scope", scope_file) == (0, "2\nLong\n", "")
    assert run("7 / 2") == (0, "3.5\nDouble\n", "")


def test_an_error_is_shown_under_its_place_and_ends_with_one() -> None:
    code, out, err = run("1 + LM1")
    assert (code, out) == (1, "")
    assert err.splitlines() == ["1 + LM1", "    ^", "LM1 is not known here", 'A text needs quotes: "LM1".']


def test_the_caret_stands_under_the_right_line_of_a_long_text() -> None:
    _, _, err = run("x = 1;\n" + "x + " * 100 + "foo;\nx")
    line, caret = err.splitlines()[:2]
    assert line[caret.index("^") :].startswith("foo")
    assert len(line) <= 120


def test_json_is_one_document_for_values_and_errors(scope_file: str) -> None:
    code, out, _ = run("taskInputs", "--scope", scope_file, "--json")
    assert (code, json.loads(out)) == (0, {"value": {"qty": 5}, "type": "Map"})
    code, out, err = run("LM1", "--json")
    assert (code, err) == (1, "")
    assert json.loads(out) == {
        "error": {"message": "LM1 is not known here", "position": 0, "hint": 'A text needs quotes: "LM1".'}
    }


def test_missing_variables_are_errors_unless_lenient() -> None:
    assert run("task.variables.x")[0] == 1
    assert run("task.variables.x", "--lenient") == (0, "null\nnull\n", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), ("{", "is not JSON"), ("[1]", "must hold an object"), ("[" * 100_000, "is not JSON")],
)
def test_a_scope_that_cannot_be_used_ends_with_two(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "scope.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    code, out, err = run("1", "--scope", str(path))
    assert (code, out) == (2, "")
    assert message in err


def test_a_binary_scope_ends_with_two(tmp_path: Path) -> None:
    path = tmp_path / "scope.json"
    path.write_bytes(b"\xff\xfe\x00\x01")
    assert run("1", "--scope", str(path))[0] == 2


def test_the_real_command_needs_no_database_and_reads_standard_input() -> None:
    finished = subprocess.run(
        [sys.executable, "manage.py", "evaluate", "taskInputs.a + 1", "--scope", "-", "--json"],
        cwd=ROOT,
        input='{"taskInputs": {"a": 2147483647}}',
        env={"DATABASE_URL": "mysql://nobody@127.0.0.1:1/none", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == {"value": -2147483648, "type": "Integer"}


def test_no_expression_at_all_is_wrong_usage() -> None:
    finished = subprocess.run(
        [sys.executable, "manage.py", "evaluate"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 2
    assert "EXPRESSION" in finished.stderr
