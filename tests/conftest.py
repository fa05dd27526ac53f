"""What holds for every test: known environment, compiled catalogues, services or a skip, nothing left behind."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import catalogues, leaks, mariadb, services

#: Marks the environment of every process that a test starts, so that an orphan is known wherever it went.
_RUN = f"VWED_TEST_RUN={uuid.uuid4().hex}"
_DATABASE_FIXTURES = {"db", "transactional_db", "database_url", "django_db_reset_sequences"}
_ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Prepare what tests find in place."""
    name, _, value = _RUN.partition("=")
    os.environ[name] = value
    catalogues.compile_stale(_ROOT / "locale")
    config.stash[_OPENED] = leaks.OpenConnections()


_OPENED = pytest.StashKey[leaks.OpenConnections]()


def on_mysql() -> bool:
    """Whether this run's database is MariaDB."""
    return os.environ.get("VWED_TEST_DB") == "mysql"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On MariaDB, run only what touches a database: the rest has been tested and cannot differ."""
    for item in items:
        if _DATABASE_FIXTURES & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("django_db"):
            item.add_marker("db")
    if on_mysql():
        kept = [item for item in items if _concerns_mysql(item)]
        dropped = [item for item in items if item not in set(kept)]
        if dropped:
            config.hook.pytest_deselected(items=dropped)
            items[:] = kept


def _concerns_mysql(item: pytest.Item) -> bool:
    """Whether a test says something about MariaDB. What a browser shows has been tested; the pages' queries are not."""
    if item.get_closest_marker("mysql"):
        return True
    return item.get_closest_marker("db") is not None and item.get_closest_marker("browser") is None


def absent_service(item: pytest.Item) -> str | None:
    """Why ``item`` cannot run here, or ``None``."""
    if item.get_closest_marker("mysql"):
        if not on_mysql():
            return "runs on MariaDB only: set VWED_TEST_DB=mysql"
        if mariadb.find_server() is None:
            return "needs MariaDB (package mariadb-server)"
    if item.get_closest_marker("redis") and "VWED_TEST_REDIS_URL" not in os.environ and not services.redis_answers():
        return "needs Redis (package redis-server); none answers on port 6379"
    if item.get_closest_marker("browser") and shutil.which("chromium") is None:
        return "needs a browser (package chromium)"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip with the reason when a service is absent; on the integration server that is a failure."""
    reason = absent_service(item)
    if reason is None:
        return
    if os.environ.get("CI") and "VWED_TEST_DB=mysql" not in reason:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def default_values() -> Iterator[None]:
    """Tunables have their defaults: no test depends on, or reads, what a database holds."""
    from scheduler import conf

    conf.use(None)
    yield
    conf.use(None)


@pytest.fixture(autouse=True)
def own_process() -> Iterator[None]:
    """Each test is a process of its own: compiled plans of another test's rows would be wrong here."""
    from scheduler import process

    token = process.CURRENT.set(None)  # type: ignore[arg-type]
    yield
    process.CURRENT.reset(token)


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest, own_process: None) -> Iterator[None]:
    """Fail a test that leaves a thread, a process, a socket, a foreign connection or a context behind."""
    before = leaks.Leaks(request.config.stash[_OPENED])
    acceptance = request.node.get_closest_marker("acceptance") is not None
    already = leaks.orphans_of(_RUN) if acceptance else {}  # of a fixture that serves more than this test
    yield
    left = before.found()
    if acceptance:
        started = {pid: command for pid, command in leaks.orphans_of(_RUN).items() if pid not in already}
        left += [f"the process {pid} outlived the test: {command}" for pid, command in started.items()]
    if left:
        pytest.fail("left behind: " + "; ".join(left), pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """No process that any test started may outlive the whole run."""
    for pid, command in leaks.orphans_of(_RUN).items():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"ERROR the process {pid} outlived the tests: {command}", red=True)
