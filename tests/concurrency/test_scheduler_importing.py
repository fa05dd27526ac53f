"""Imports at the same moment, beside each other and beside periodic starts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduler import clock
from scheduler.definitions.importing import import_file
from scheduler.definitions.judging import Imported
from scheduler.definitions.periodic import PeriodicStarts
from scheduler.models import AuditEntry, DefinitionVersion, TaskDefinition, TaskRecord
from tests.concurrency.storage_threads import side_by_side
from tests.support.tasks import block, detail, task_file

pytestmark = pytest.mark.django_db(transaction=True)


def load(message: str, *labels: str) -> list[Imported]:
    content = detail(block(1, "PrintBp", message=message))
    data = task_file(**dict.fromkeys(labels, content))
    return import_file("a.task", data, actor="kim", origin="command", replace=True)


def test_the_same_file_four_times_at_once_is_one_definition() -> None:
    for number in range(6):
        label = f"task {number}"
        told = side_by_side(*[lambda name=label: load("one", name) for _ in range(4)])  # type: ignore[misc]

        assert sorted(each.action for (each,) in told) == ["created", "same", "same", "same"]
        assert DefinitionVersion.objects.filter(definition__label=label).count() == 1


def test_imports_beside_periodic_starts_disturb_neither() -> None:
    labels = [f"tick {number}" for number in range(5)]
    load("first", *labels)
    now = clock.now()
    TaskDefinition.objects.update(periodic=True, periodic_enabled=True, period_ms=1000, next_start_at=now)

    for turn in range(6):
        moment = now + timedelta(seconds=turn)
        TaskDefinition.objects.update(periodic=True, periodic_enabled=True, next_start_at=moment)
        TaskRecord.objects.all().delete()
        side_by_side(
            lambda text=f"turn {turn}": load(text, *reversed(labels)),  # type: ignore[misc]
            lambda at=moment: PeriodicStarts().run_once(at),  # type: ignore[misc]
            lambda at=moment: PeriodicStarts().run_once(at),  # type: ignore[misc]
        )
        # The file switches the periodic start off: what was due before that was started, once.
        runs = TaskRecord.objects.values_list("label", flat=True)
        assert len(runs) == len(set(runs))

    assert DefinitionVersion.objects.count() == 7 * len(labels)
    assert AuditEntry.objects.count() == 7 * len(labels)
