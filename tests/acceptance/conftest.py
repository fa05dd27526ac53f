"""One cluster and one simulator for the scenarios of a module, on the test database."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from scheduler import doorbell
from scheduler.definitions.importing import import_file
from scheduler.documents import record_document
from scheduler.models import TaskRecord
from scheduler.states import ENDED, Status
from scheduler.submission import submit
from tests.acceptance.scenario import DATA
from tests.support.installation import ClusterProcess, own_database
from tests.support.simulator import SimulatorProcess
from tests.support.waiting import wait_until

#: Seconds for anything that a run does; the simulated fleet is fast.
PATIENCE_S = 20.0


class Plant:
    """A running installation: start runs, follow them, look at what the fleet was told."""

    def __init__(self, fleet: SimulatorProcess, cluster: ClusterProcess) -> None:
        self.fleet = fleet
        self.cluster = cluster
        self._numbers = itertools.count(1)

    def prepare(self, robots: Sequence[Mapping[str, Any]] = ({"id": "AMB-01"},), *, speed: float = 100.0) -> None:
        self.fleet.post("/sim/reset")
        self.fleet.post("/sim/robots", [{"id": robot["id"], "group": robot.get("group", "")} for robot in robots])
        self.fleet.post("/sim/speed", {"factor": speed})

    def start(self, label: str, inputs: Mapping[str, Any], **options: Any) -> TaskRecord:
        record_id = f"{label}-{next(self._numbers)}"
        return submit(
            label=label, inputs=inputs, record_id=record_id, actor="tester", origin="command", **options
        ).record

    def document(self, record: TaskRecord) -> dict[str, Any]:
        return record_document(TaskRecord.objects.get(pk=record.pk), detail=True)

    def until(self, record: TaskRecord, predicate: Callable[[dict[str, Any]], Any], describe: str) -> dict[str, Any]:
        """The document as soon as ``predicate`` holds for it."""
        found: dict[str, Any] = {}

        def holds() -> bool:
            found.update(self.document(record))
            return bool(predicate(found))

        wait_until(holds, PATIENCE_S, lambda: f"{describe}; it is {found}; the cluster said: {self.cluster.said()}")
        return found

    def ended(self, record: TaskRecord) -> dict[str, Any]:
        """The document of a run that is over, or waits for a person's decision."""
        over = {*ENDED, Status.INTERRUPTED}
        return self.until(record, lambda document: document["status"] in over, f"{record.record_id} to end")

    def driving(self, record: TaskRecord, block: str = "b2") -> dict[str, Any]:
        """The document once ``block`` waits for its robot."""
        return self.until(
            record,
            lambda document: any(wait["block"] == block and wait["code"] == "order" for wait in document["waits"]),
            f"{block} of {record.record_id} to wait for its robot",
        )


@contextlib.contextmanager
def running_plant(blocker: DjangoDbBlocker, directory: Path, *, robots: int = 1) -> Iterator[Plant]:
    """A migrated database of its own with the definitions of the scenarios, a simulator and a cluster."""
    with blocker.unblock(), own_database("plant"):
        doorbell.ring_now()  # this process's own bell, made once, is nothing that a test leaves behind
        for path in sorted((DATA / "tasks").glob("*.json")):
            import_file(path.name, path.read_bytes(), actor="tester", origin="command")
        with (
            SimulatorProcess(robots=robots, speed=100) as fleet,
            ClusterProcess(directory, fleet_url=fleet.url) as cluster,
        ):
            yield Plant(fleet, cluster)


@pytest.fixture(scope="module")
def plant(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plant]:
    """One plant for all tests of a module, which leave its processes alone."""
    with running_plant(django_db_blocker, tmp_path_factory.mktemp("cluster")) as plant:
        yield plant


@pytest.fixture
def own_plant(django_test_environment: None, django_db_blocker: DjangoDbBlocker, tmp_path: Path) -> Iterator[Plant]:
    """A plant with four robots for one test, which may kill what it likes."""
    with running_plant(django_db_blocker, tmp_path, robots=4) as plant:
        yield plant
