"""``make test``: everything at once, one summary at the end.

Five pytest runs: what touches a database on SQLite and again on MariaDB, those that start real processes apart from the
others (they mostly wait for deadlines), and beside them what knows no database or looks at it through a browser.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from tests.support.services import running_services

ROOT = Path(__file__).resolve().parents[2]
#: exit codes of pytest that are not a failure: all passed, nothing collected
_FINE = {0, 5}
#: Tests that are not run on each database. They mostly compute, so they go behind those that wait for deadlines.
_APART = ("tests/unit", "tests/architecture", "tests/browser")
#: Tests that start real processes and wait for what becomes of them.
_REAL = "tests/acceptance"
_NICE = 10


class Result:
    """What a pytest run left in its JUnit file."""

    def __init__(self, name: str, path: Path, code: int) -> None:
        self.name = name
        self.code = code
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        if not path.is_file():
            self.counts["error"] += 1
            self.problems.append(f"ERROR {name}: pytest ended with code {code} and left no report")
            return
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            self._add(case)
        if code not in _FINE and not self.problems:
            self.counts["error"] += 1
            self.problems.append(f"ERROR {name}: pytest ended with code {code}")

    def _add(self, case: ElementTree.Element) -> None:
        test = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')} [{self.name}]"
        children = {child.tag: child for child in case}
        for tag, word in (("error", "error"), ("failure", "failed"), ("skipped", "skipped")):
            if tag in children:
                self.counts[word] += 1
                message = (children[tag].get("message") or "").splitlines()[:1]
                self.problems.append(f"{word.upper()} {test} - {' '.join(message)[:160]}")
                return
        self.counts["passed"] += 1


class Suite:
    """One pytest run with ``environment`` added, writing into a file until it is asked for."""

    def __init__(
        self, name: str, arguments: list[str], environment: dict[str, str], directory: Path, *, nice: int = 0
    ) -> None:
        self._name = name
        self._report = directory / f"{name}.xml"
        self._told = directory / f"{name}.txt"
        command = [
            *(["nice", f"-n{nice}"] if nice else []),
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rN",
            f"--junitxml={self._report}",
            *arguments,
        ]
        with self._told.open("w") as out:
            self._pytest = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **environment}, stdout=out, stderr=subprocess.STDOUT
            )

    def result(self) -> Result:
        """Show what it says until it ends, and read what it reports."""
        print(f"\n===== Tests on {self._name} =====", flush=True)  # noqa: T201
        with self._told.open() as told:
            while self._pytest.poll() is None:
                self._show(told.read())
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._pytest.wait(1)
            self._show(told.read())
        return Result(self._name, self._report, self._pytest.returncode)

    def end(self) -> None:
        """Let it end what its tests have started, if it still runs."""
        if self._pytest.poll() is None:
            self._pytest.send_signal(signal.SIGINT)
            self._pytest.wait(60)

    @staticmethod
    def _show(text: str) -> None:
        print(text, end="", flush=True)  # noqa: T201


def run_suites(found: dict[str, str], arguments: list[str], directory: Path) -> list[Result]:
    """All at once: most of their time is waiting for deadlines, on databases of their own.

    ``arguments`` are for pytest; with any, the tests that they name run on both databases and nothing is apart.
    """
    sqlite = {**found, "VWED_TEST_DB": "sqlite"}
    mysql = {**found, "VWED_TEST_DB": "mysql"} if "VWED_TEST_MYSQL_URL" in {**os.environ, **found} else None
    kept = arguments or [f"--ignore={path}" for path in (*_APART, _REAL)]
    real = {"VWED_TEST_SUFFIX": "_real"}
    suites: list[Suite] = []
    try:
        for name, environment, marked in (("SQLite", sqlite, ["-m", "not mysql"]), ("MariaDB", mysql, [])):
            if environment is None:
                continue
            suites.append(Suite(name, [*marked, *kept], environment, directory))
            if not arguments:
                suites.append(Suite(f"{name}, real processes", [*marked, _REAL], {**environment, **real}, directory))
        if not arguments:
            apart = {**sqlite, "VWED_TEST_SUFFIX": "_apart"}
            suites.append(Suite("Engine and browser", [*_APART], apart, directory, nice=_NICE))
        results = [suite.result() for suite in suites]
    finally:
        for suite in suites:
            suite.end()
    if "MariaDB" not in {result.name for result in results}:
        print("MariaDB: not available, the second suite was not run")  # noqa: T201
        if os.environ.get("CI"):
            results[0].counts["error"] += 1
            results[0].problems.append("ERROR MariaDB is not available (package mariadb-server)")
    return results


def summary(results: list[Result], seconds: float) -> str:
    """Problems by name, then one line in pytest's own words."""
    lines = [problem for result in results for problem in result.problems]
    counts = sum((result.counts for result in results), Counter[str]())
    words = [f"{counts[word]} {word}" for word in ("failed", "passed", "skipped", "error") if counts[word]]
    minutes, rest = divmod(int(seconds), 60)
    text = f" {', '.join(words) or 'no tests ran'} in {seconds:.2f}s ({minutes // 60}:{minutes % 60:02d}:{rest:02d}) "
    return "\n".join(["", *lines, text.center(100, "=")])


def main(arguments: list[str]) -> int:
    """Run both suites; 0 only when nothing failed."""
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Not under the checkout: unix sockets have short path limits.
    directory = Path(tempfile.mkdtemp(prefix="vwed-test-"))
    try:
        with running_services(directory) as found:
            results = run_suites(found, arguments, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(summary(results, time.monotonic() - started))  # noqa: T201
    return int(any(result.counts["failed"] or result.counts["error"] for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
