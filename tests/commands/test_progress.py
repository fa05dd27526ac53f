"""The line that shows a run while somebody waits for it."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management.base import OutputWrapper

from scheduler.definitions.importing import import_file
from scheduler.models import TaskRecord
from scheduler.submission import submit
from tests.support.tasks import block, detail, task_file
from vwed.management.progress import Progress

pytestmark = pytest.mark.django_db


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def record() -> TaskRecord:
    import_file("x.task", task_file(Hello=detail(block(1, "PrintBp", message="x"))), actor="test", origin="command")
    return submit(label="Hello", record_id="r-7", actor="test", origin="command").record


def test_on_a_terminal_the_line_names_the_run_and_is_taken_away_at_the_end(record: TaskRecord) -> None:
    terminal = Terminal()
    progress = Progress(OutputWrapper(terminal))
    progress.show(record)
    shown = terminal.getvalue()
    progress.clear()

    assert shown.startswith("\rr-7  ready")
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue()[len(shown) :].strip(" \r") == ""


def test_it_is_rewritten_at_most_four_times_a_second(record: TaskRecord, django_assert_num_queries) -> None:
    progress = Progress(OutputWrapper(Terminal()))
    progress.show(record)

    with django_assert_num_queries(0):
        for _ in range(100):
            progress.show(record)


def test_into_a_file_nothing_is_written(record: TaskRecord, django_assert_num_queries) -> None:
    file = StringIO()
    progress = Progress(OutputWrapper(file))
    with django_assert_num_queries(0):
        progress.show(record)
        progress.clear()

    assert file.getvalue() == ""
