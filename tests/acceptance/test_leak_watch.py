"""The leak watch on a real cluster with recycled workers: it finds a leak of 1 KB a task, and accuses nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from scheduler.models import ProcessRow
from tests.support import leak_runs
from tests.support.installation import own_database
from vwed.monitoring.ledger import read_ledger
from vwed.monitoring.verdicts import sentence

pytestmark = [pytest.mark.acceptance, pytest.mark.db]

RECYCLE, PLANTED, CLEAN = 500, 2000, 1500


@pytest.fixture(scope="module")
def installation(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), own_database("leak"):
        leak_runs.install()
        yield


@pytest.fixture(autouse=True)
def no_generations(installation: None) -> None:
    ProcessRow.objects.all().delete()


def test_a_planted_leak_is_found_and_named(tmp_path: Path) -> None:
    with leak_runs.cluster(tmp_path / "log", planted=True, recycle=RECYCLE):
        leak_runs.run(PLANTED, 120)
        found = leak_runs.verdict()

    assert found.verdict == "grows", sentence(found)
    assert found.details["growers"][0][0] == "bytes"
    assert found.details["blame"][0][0] == "PrintBp"
    assert found.details["blame"][0][2].startswith("support/planted.py:")
    assert found.details["generations"] > 2, "over several generations: recycling hides nothing"
    ledger = read_ledger()
    assert ledger.definitions[0].name == leak_runs.LABEL
    assert "PrintBp" in {entry.name for entry in ledger.kinds}


def test_clean_runs_are_not_accused(tmp_path: Path) -> None:
    with leak_runs.cluster(tmp_path / "log", planted=False, recycle=RECYCLE):
        leak_runs.run(CLEAN, 120)
        found = leak_runs.verdict()

    assert found.verdict == "flat", sentence(found)
