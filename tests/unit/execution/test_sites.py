"""Location blocks: what they ask of storage, and what they make of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.outcome import SliceEnd, Suspended
from execution.testing import FakeSites, MemoryPort, Result, Site
from tests.unit.execution.trees import block, run, simple


def port(*sites: Site) -> MemoryPort:
    return MemoryPort(FakeSites(list(sites)))


def outputs(result: Result, name: str) -> Any:
    return next(json.loads(row.outputs) for row in result.port.blocks.values() if row.name == name)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "A"),
        ({"orderDesc": "true"}, "D"),
        ({"groupName": "g"}, "B"),
        ({"filled": "true"}, "C"),
        ({"filled": "false", "groupName": "g"}, "B"),
        ({"content": "milk"}, "C"),
        ({"siteId": "D"}, "D"),
        ({"type": "false"}, "D"),
        ({"locked": "true"}, "E"),
    ],
)
def test_a_search_asks_only_for_what_is_given(given: dict[str, str], found: str) -> None:
    world = port(
        Site("A"),
        Site("B", group="g"),
        Site("C", filled=True, content="milk"),
        Site("D", type=0),
        Site("E", locked_by="rec-1"),
        Site("A0", locked_by="x"),
    )
    result = run(block("b1", "GetIdleSiteBp", **{key: simple(value) for key, value in given.items()}), port=world)
    assert outputs(result, "b1") == {"siteId": found}


def test_a_found_location_is_locked_for_the_run_when_asked() -> None:
    world = port(Site("A"))
    run(block("b1", "GetIdleSiteBp", lock="true"), port=world)
    assert world.sites.sites["A"].locked_by == "rec-1"


def test_a_search_that_finds_nothing_waits_and_goes_on_when_one_is_free() -> None:
    world = port(Site("A", locked_by="maria"))

    def free(number: int, port: MemoryPort, end: SliceEnd) -> None:
        if number == 1:
            assert isinstance(end.outcome, Suspended)
            (wait,) = end.outcome.waits
            assert (wait.code, wait.key, wait.deadline_ms) == ("location", "site:rec-1~b1:0", wait.since_ms + 1_000_000)
            assert port.blocks[1].code == 1007
            port.sites.sites["A"].locked_by = ""

    result = run(block("b1", "GetIdleSiteBp", lock="true"), port=world, on_slice=free)
    assert (result.code, result.slices, outputs(result, "b1")) == (1003, 2, {"siteId": "A"})
    assert result.port.blocks[1].code == 1003


def test_given_attempts_that_are_used_up_answer_nothing_and_the_default_fails() -> None:
    result = run(block("b1", "GetIdleSiteBp", retryTimes="3", retryPeriod="500"), port=port())
    assert (result.code, outputs(result, "b1")) == (1003, {"siteId": None})
    assert result.port.now == 1_700_000_000_000 + 1500
    failed = run(block("b1", "GetIdleSiteBp", retryPeriod="500"), port=port())
    assert (failed.code, "1000 attempts" in failed.outcome.message) == (1006, True)  # type: ignore[attr-defined]


def test_a_lock_held_by_another_is_waited_for_and_named_once() -> None:
    world = port(Site("A", locked_by="maria"))

    def free(number: int, port: MemoryPort, end: SliceEnd) -> None:
        if number == 4:
            port.sites.sites["A"].locked_by = ""

    result = run(block("b1", "SetSiteLockedBp", siteId="A"), port=world, on_slice=free)
    assert outputs(result, "b1") == {"success": True}
    assert [json.loads(line.args)["holder"] for line in result.port.logs] == ["maria"]


def test_a_lock_is_reentrant_may_name_its_holder_and_gives_up_without_an_error() -> None:
    world = port(Site("A", locked_by="rec-1"), Site("B"), Site("C", locked_by="maria"))
    result = run(
        block("b1", "SetSiteLockedBp", siteId="A"),
        block("b2", "SetSiteLockedBp", siteId="B", lockedId="me"),
        block("b3", "SetSiteLockedBp", siteId="C", retryTimes="2"),
        port=world,
    )
    assert [outputs(result, name)["success"] for name in ("b1", "b2", "b3")] == [True, True, False]
    assert world.sites.sites["B"].locked_by == "me"


def test_unlocking_what_is_free_succeeds_with_a_warning() -> None:
    result = run(block("b1", "SetSiteUnlockedBp", siteId="A"), port=port(Site("A")))
    assert result.code == 1003
    assert [(line.code, line.level) for line in result.port.logs] == [("site.was-not-locked", 4)]


def test_emptying_forgets_the_content_and_touches_nothing_else() -> None:
    world = port(Site("A", filled=True, content="milk", locked_by="maria"), Site("B"))
    run(block("b1", "SetSiteEmptyBp", siteId="A"), block("b2", "SetSiteFilledBp", siteId="B"), port=world)
    assert world.sites.sites["A"] == Site("A", locked_by="maria")
    assert world.sites.sites["B"].filled is True


@pytest.mark.parametrize("kind", ["SetSiteLockedBp", "SetSiteUnlockedBp", "SetSiteEmptyBp", "SetSiteFilledBp"])
def test_an_unknown_location_fails_the_block(kind: str) -> None:
    result = run(block("b1", kind, siteId="nowhere"), port=port())
    assert (result.code, "nowhere" in result.outcome.message) == (1006, True)  # type: ignore[attr-defined]
