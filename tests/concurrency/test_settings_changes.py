"""Two people save settings at the same moment, each on a connection of their own: one is told of the other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduler import clock
from tests.concurrency.storage_threads import side_by_side
from vwed.models import ChangeSet, SettingChange
from vwed.tuning import changes, scheduling, stored

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 10


def save(name: str, value: str, seen: int) -> str:
    try:
        changes.commit({name: value}, reason="at the same time", author=value, origin="page", based_on=seen)
    except changes.ChangedMeanwhile as meanwhile:
        return f"told of {meanwhile.theirs[0].author}"
    return "saved"


def test_of_two_editors_one_is_told() -> None:
    for number in range(ROUNDS):
        seen = stored.version()

        done = side_by_side(
            lambda seen=seen, number=number: save("max_retries", str(100 + number), seen),
            lambda seen=seen, number=number: save("pool_size", str(20 + number), seen),
        )

        told = next(each for each in done if each != "saved")
        assert "saved" in done
        assert told.removeprefix("told of ") in {str(100 + number), str(20 + number)}, "the loser sees whose came first"
        assert stored.version() == seen + 1


def test_two_io_processes_apply_a_scheduled_change_once() -> None:
    for number in range(ROUNDS):
        at = clock.now() + timedelta(minutes=1)
        changes.commit(
            {"max_retries": str(200 + number)}, reason="tonight", author="li", origin="page", effective_at=at
        )

        done = side_by_side(lambda at=at: scheduling.apply_due(at), lambda at=at: scheduling.apply_due(at))

        assert sum(each["applied"] for each in done) == 1
        assert SettingChange.objects.count() == number + 1
        assert ChangeSet.objects.filter(state="applied").count() == number + 1
