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


def test_several_change_at_once_and_one_goes_back_to_its_first_value() -> None:
    run("tune", "set", "max_retries", "7", "--reason", "short waits")

    done = run("tune", "change", "cluster_timeout=7200", "cluster_retry=8000", "max_retries=", "--reason", "long runs")

    assert done.code == 0, done.err
    assert "cluster_timeout: first value → 7200" in done.out
    assert run("tune", "get", "cluster_retry", "--json").json()["value"] == 8000
    assert run("tune", "get", "max_retries", "--json").json()["source"] == "default"
    history = run("tune", "history", "--json").json()["changes"]
    assert [sorted(each["difference"]) for each in history] == [
        ["cluster_retry", "cluster_timeout", "max_retries"],
        ["max_retries"],
    ]


def test_several_are_scheduled_together_and_cancelled() -> None:
    later = run("tune", "change", "pool_size=12", "pool_overflow=4", "--at", "tonight", "--reason", "quiet", "--json")

    assert later.json()["state"] == "scheduled"
    assert run("tune", "get", "pool_size", "--json").json()["value"] == 10
    gone = run("tune", "cancel", str(later.json()["change"]), "--reason", "not tonight", "--json")
    assert gone.json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        (("pool_size=12", "cluster_timeout=7200"), "not_allowed", "must be below the retry time"),
        (("pool_size=12", "recycle=0"), "out_of_bounds", "from 1 to 1000000"),
        (("pool_size=12", "nonsense=1"), "unknown_parameter", "tune list"),
        (("pool_size",), "wrong_usage", "NAME=VALUE"),
        (("pool_size=10",), "nothing_changed", "in force already"),
    ],
)
def test_one_fault_keeps_all_of_them_out(values: tuple[str, ...], code: str, words: str) -> None:
    refused = run("tune", "change", *values, "--reason", "because", "--json")
    plain = run("tune", "change", *values, "--reason", "because")

    assert refused.code == 1
    assert refused.json()["error"]["code"] == code
    assert words in plain.err
    assert run("tune", "get", "pool_size", "--json").json()["value"] == 10
    assert run("tune", "history", "--json").json()["changes"] == []
