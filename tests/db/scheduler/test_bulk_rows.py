"""Rows in bulk: whatever their number and their texts, what is read is what was written, and writing again changes."""

from __future__ import annotations

import pytest
from django.db import DataError, IntegrityError, OperationalError, transaction

from execution.outcome import BlockRow, LogRow
from scheduler import rows
from scheduler.models import BlockRecord, LogLine

pytestmark = pytest.mark.django_db

TEXTS = (
    "",
    "it's",
    '"',
    "%s ? %(x)s",
    "back\\slash",
    "托盘 🚚",
    "x" * 3000,
    "'); DROP TABLE scheduler_blockrecord; --",
)


def block(seq: int, text: str, *, ended: int | None = 2) -> BlockRow:
    return BlockRow(seq, f"b{seq}", "PrintBp", "path", "", 1003, 1, ended, text, text, text[:1000])


@pytest.mark.parametrize("number", [1, 2, 7, 50, 51, 163])
def test_what_is_read_is_what_was_written(number: int) -> None:
    given = [block(seq, TEXTS[seq % len(TEXTS)], ended=None if seq % 3 else 2) for seq in range(1, number + 1)]
    with transaction.atomic():
        rows.save_blocks(7, 1, given)
        rows.save_logs(7, [LogRow(seq, 4, f"b{seq}", "code", TEXTS[seq % len(TEXTS)]) for seq in range(number)])
    fields = ("seq", "name", "block_type", "path", "iteration", "code", "started_ms", "ended_ms")
    found = BlockRecord.objects.filter(record_id=7).order_by("seq")
    assert list(found.values_list(*fields, "params", "outputs", "reason")) == [tuple(row) for row in given]
    lines = LogLine.objects.filter(record_id=7).order_by("id").values_list("at_ms", "args")
    assert list(lines) == [(seq, TEXTS[seq % len(TEXTS)]) for seq in range(number)]


def test_writing_again_changes_what_may_change_and_adds_what_is_new() -> None:
    with transaction.atomic():
        rows.save_blocks(7, 1, [block(seq, "before", ended=None) for seq in range(60)])
        rows.save_blocks(7, 1, [block(seq, "after")._replace(name="other") for seq in range(30, 90)])
    found = BlockRecord.objects.filter(record_id=7).order_by("seq").values_list("seq", "outputs", "ended_ms")
    assert list(found) == [(seq, "after" if seq >= 30 else "before", 2 if seq >= 30 else None) for seq in range(90)]
    assert BlockRecord.objects.get(record_id=7, seq=45).name == "b45", "a block keeps its name"


def test_a_value_that_the_column_refuses_is_an_error_of_the_database_and_nothing_stays() -> None:
    wrong = [block(1, "fine"), block(2, "fine")._replace(code=-1)]
    with pytest.raises((IntegrityError, DataError, OperationalError)), transaction.atomic():
        rows.save_blocks(7, 1, wrong)
    assert not BlockRecord.objects.filter(record_id=7).exists()
