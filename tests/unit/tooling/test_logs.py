"""Lines of the log as JSON: one object each, whatever was logged, with the run at hand."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from scheduler.process import CURRENT, Process
from tests.architecture.sources import ROOT
from vwed import logs


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, StringIO]]:
    """A logger and what it wrote."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    logger = logging.getLogger("tests.logs")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, stream
    logger.removeHandler(handler)
    logger.propagate = True


@pytest.fixture
def process() -> Iterator[Process]:
    made = Process(name="worker-abc-1", boot_id="abc", role="worker")
    token = CURRENT.set(made)
    yield made
    CURRENT.reset(token)


def written(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_logger_message_process_and_the_run(
    log: tuple[logging.Logger, StringIO], process: Process
) -> None:
    logger, stream = log
    logger.warning("before %s", "the run")
    process.duty.begin(7, "token", 0)
    process.duty.record_id, process.duty.path = "r-7", ("b1", "b2")
    logger.warning("in the run\nwith a second line and 中文")
    process.duty.end()
    logger.warning("after it")
    before, during, after = written(stream)
    assert before.keys() == {"time", "level", "logger", "message", "process", "pid"}
    assert (before["level"], before["logger"], before["message"]) == ("WARNING", "tests.logs", "before the run")
    assert (before["process"], before["pid"]) == ("worker-abc-1", os.getpid())
    assert before["time"].endswith("+00:00")
    assert (during["record_id"], during["block_id"]) == ("r-7", "b2")
    assert during["message"] == "in the run\nwith a second line and 中文"
    assert stream.getvalue().isascii()
    assert "record_id" not in after


def test_what_is_given_with_the_line_stands_beside_and_wins(
    log: tuple[logging.Logger, StringIO], process: Process
) -> None:
    logger, stream = log
    process.duty.record_id = "r-7"
    given = {"record_id": "r-8", "count": 3, "held_by": ("a", "b"), "thing": Unspeakable(), "long": "x" * 100_000}
    logger.error("x" * 100_000, extra=given)
    (line,) = written(stream)
    assert (line["record_id"], line["count"], line["held_by"]) == ("r-8", 3, ["a", "b"])
    assert line["thing"] == "<Unspeakable>"
    assert len(stream.getvalue()) < 20_000


def test_an_exception_is_in_its_line_and_arguments_that_do_not_fit_lose_nothing(
    log: tuple[logging.Logger, StringIO],
) -> None:
    logger, stream = log
    try:
        raise ValueError("bad pallet")
    except ValueError:
        logger.exception("it broke")
    (broken,) = written(stream)
    odd = logging.makeLogRecord({"msg": "%d pallets", "args": ("many",), "levelname": "WARNING"})
    odd = json.loads(logs.JsonFormatter().format(odd))
    assert broken["exception"].startswith("Traceback")
    assert broken["exception"].endswith("ValueError: bad pallet")
    assert "many" in odd["message"]


def test_another_thread_is_named_and_knows_the_run_when_it_belongs_to_the_process(
    log: tuple[logging.Logger, StringIO], process: Process
) -> None:
    logger, stream = log
    process.duty.record_id = "r-9"
    process.background.thread("housekeeper", lambda: logger.warning("beat")).join()
    thread = threading.Thread(target=lambda: logger.warning("alone"), name="alone")
    thread.start()
    thread.join()
    ours, other = written(stream)
    assert (ours["thread"], ours["process"], ours["record_id"]) == ("housekeeper", "worker-abc-1", "r-9")
    assert (other["thread"], "record_id" in other) == ("alone", False)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/x/manage.py", "cluster", "--workers", "2"], "cluster"),
        (["/x/uvicorn/__main__.py", "vwed.asgi:application"], "uvicorn"),
        (["-c"], "-c"),
        ([], "python"),
    ],
)
def test_a_process_without_a_name_of_ours_has_that_of_its_program(
    arguments: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", arguments)
    found = json.loads(logs.JsonFormatter().format(logging.makeLogRecord({"msg": "x", "processName": "MainProcess"})))
    assert found["process"] == name


def test_a_format_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="yaml"):
        logs.configuration("yaml")


def manage(directory: Path, form: str, code: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "vwed.settings",
        "VAR_DIR": str(directory),
        "DATABASE_URL": f"sqlite:///{directory / 'x.sqlite3'}",
        "LOG_FORMAT": form,
        "PYTHONWARNINGS": "always",
    }
    command = [sys.executable, "-c", f"import django\ndjango.setup()\nimport logging, warnings, threading\n{code}"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_with_json_warnings_threads_and_what_nobody_caught_are_lines_too(tmp_path: Path) -> None:
    code = (
        "logging.getLogger('vwed.x').warning('one')\n"
        "logging.getLogger('django-q').error('two')\n"
        "logging.getLogger('django.request').error('three')\n"
        "warnings.warn('four')\n"
        "t = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()\n"
        "raise SystemError('six')\n"
    )
    done = manage(tmp_path, "json", code)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["logger"] for line in lines[:3]] == ["vwed.x", "django-q", "django.request"]
    assert "four" in lines[3]["message"]
    assert "ZeroDivisionError" in lines[4]["exception"]
    assert "SystemError: six" in lines[5]["exception"]


def test_text_stays_text(tmp_path: Path) -> None:
    done = manage(tmp_path, "text", "logging.getLogger('vwed.x').warning('one')\nlogging.getLogger('x').info('no')")
    assert done.stderr.count("\n") == 1
    assert done.stderr.rstrip().endswith("WARNING vwed.x one")


def test_a_wrong_format_is_told_at_the_start(tmp_path: Path) -> None:
    done = manage(tmp_path, "yaml", "")
    assert "LOG_FORMAT in the environment is 'yaml', not text or json." in done.stderr
