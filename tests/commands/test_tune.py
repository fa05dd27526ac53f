"""``manage.py tune``."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from scheduler.models import AuditEntry
from tests.commands.invoke import run
from vwed.tuning.parameters import PARAMETERS

pytestmark = pytest.mark.django_db


def test_list_shows_every_tunable_with_value_and_bounds() -> None:
    listed = run("tune", "list", "--json").json()["parameters"]

    assert [each["name"] for each in listed] == [parameter.name for parameter in PARAMETERS]
    parallel = next(each for each in listed if each["name"] == "max_parallel_blocks")
    assert (parallel["value"], parallel["default"], parallel["min"], parallel["max"]) == (10, 10, 1, 100)


def test_list_for_people_marks_what_differs_from_its_default() -> None:
    run("tune", "set", "max_retries", "7", "--reason", "short waits")

    lines = run("tune", "list").out.splitlines()

    assert [line.split()[1] for line in lines if line.startswith("* max") or line.startswith("* ret")] == [
        "max_retries"
    ]


def test_set_then_get() -> None:
    changed = run("tune", "set", "max_parallel_blocks", "20", "--reason", "more trucks", "--json")

    assert changed.code == 0
    assert changed.json()["after"] == 20
    assert run("tune", "get", "max_parallel_blocks", "--json").json()["value"] == 20
    assert "allowed: a whole number from 1 to 100" in run("tune", "get", "max_parallel_blocks").out
    assert AuditEntry.objects.get().origin == "command"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("set", "max_parallel_blocks", "1000", "--reason", "because"), "out_of_bounds", "from 1 to 100"),
        (("set", "max_paralel_blocks", "5", "--reason", "because"), "unknown_parameter", "max_parallel_blocks"),
        (("get", "zzz"), "unknown_parameter", "tune list"),
        (("set", "max_parallel_blocks", "5", "--reason", " "), "reason_missing", "reason"),
    ],
)
def test_a_refusal_has_exit_code_1_and_a_remedy_in_both_forms(
    arguments: tuple[str, ...], code: str, words: str
) -> None:
    plain, as_json = run("tune", *arguments), run("tune", *arguments, "--json")

    assert plain.code == as_json.code == 1
    assert plain.out == ""
    assert words in plain.err
    assert as_json.json()["error"]["code"] == code


def test_a_change_without_a_reason_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match="--reason"):
        call_command("tune", "set", "max_retries", "5")
