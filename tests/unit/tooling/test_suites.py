"""``make test`` tells the truth in its last line: nothing that failed in either suite is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.suites import Result, summary

REPORT = """<testsuites><testsuite>
<testcase classname="tests.unit.test_a" name="test_good"/>
<testcase classname="tests.unit.test_a" name="test_bad"><failure message="assert 1 == 2&#10;more">x</failure></testcase>
<testcase classname="tests.unit.test_a" name="test_absent"><skipped message="needs a robot"/></testcase>
<testcase classname="tests.unit.test_a" name="test_setup"><error message="broken fixture">x</error></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    return path


def test_both_suites_add_up_to_one_line(report: Path) -> None:
    text = summary([Result("SQLite", report, 1), Result("MariaDB", report, 1)], 3725.5)

    assert " 2 failed, 2 passed, 2 skipped, 2 error in 3725.50s (1:02:05) " in text.splitlines()[-1]
    assert "FAILED tests/unit/test_a.py::test_bad [MariaDB] - assert 1 == 2" in text
    assert "SKIPPED tests/unit/test_a.py::test_absent [SQLite] - needs a robot" in text


def test_a_suite_that_left_no_report_is_an_error(tmp_path: Path) -> None:
    result = Result("SQLite", tmp_path / "nothing.xml", 3)

    assert result.counts["error"] == 1
    assert "code 3" in result.problems[0]


def test_a_bad_exit_code_without_a_failed_test_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    path.write_text('<testsuites><testsuite><testcase classname="a" name="b"/></testsuite></testsuites>')

    assert Result("SQLite", path, 1).counts["error"] == 1
    assert Result("SQLite", path, 0).counts["error"] == 0
