"""``manage.py periodic``: what the page can do, for a terminal."""

from __future__ import annotations

import pytest

from scheduler.models import AuditEntry, TaskDefinition, TaskRecord
from tests.commands.invoke import run
from tests.db.scheduler.making import definition

pytestmark = pytest.mark.django_db


def test_it_switches_shows_and_changes_a_periodic_start() -> None:
    row = definition(label="tick")

    on = run("periodic", "tick", "--on", "--period", "400", "--delay", "0", "--reason", "trial")
    shown = run("periodic", row.definition_id, "--json")
    slower = run("periodic", "tick", "--period", "60000", "--json")
    off = run("periodic", "tick", "--off", "--json")

    assert "starts every 400 ms" in on.out
    assert "shorter than the 0.5 s" in on.out
    assert (shown.json()["on"], shown.json()["period_ms"], shown.json()["delay_ms"]) == (True, 400, 0)
    assert (slower.json()["on"], slower.json()["period_ms"]) == (True, 60000)
    assert (off.json()["on"], off.json()["next_start_at"]) == (False, None)
    assert AuditEntry.objects.filter(action="change_periodic").count() == 3
    assert AuditEntry.objects.order_by("pk").values_list("reason", flat=True)[0] == "trial"


def test_a_run_is_started_now_unless_the_last_one_is_active() -> None:
    definition(label="tick")

    first = run("periodic", "tick", "--start-now", "--json")
    second = run("periodic", "tick", "--start-now", "--json")

    assert first.json()["record_id"] == TaskRecord.objects.get().record_id
    assert (second.code, second.json()["error"]["code"]) == (1, "periodic_overlap")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nobody",), "definition_unknown"),
        (("tick", "--period", "0"), "period_invalid"),
        (("tick", "--start-now", "--on"), "wrong_usage"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], code: str) -> None:
    definition(label="tick")

    done = run("periodic", *arguments, "--json")

    assert done.json()["error"]["code"] == code
    assert not TaskDefinition.objects.get().periodic
