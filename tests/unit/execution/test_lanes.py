"""GetIdleCrowdedSiteBp: what it asks, what it makes of the answer, what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.outcome import Failed, SliceEnd, Suspended
from execution.testing import FakeSites, MemoryPort, Result, Site
from tests.unit.execution.trees import block, expr, run, simple


def port(*sites: Site) -> MemoryPort:
    return MemoryPort(FakeSites(list(sites)))


def search(name: str = "b1", **given: Any) -> Any:
    parameters = {"groupName": simple('["A"]'), "filled": simple("false"), **given}
    return block(name, "GetIdleCrowdedSiteBp", **{key: value for key, value in parameters.items() if value is not None})


def outputs(result: Result, name: str = "b1") -> Any:
    return next(json.loads(row.outputs) for row in result.port.blocks.values() if row.name == name)


LANE = (Site("A_1", "A"), Site("A_2", "A"), Site("A_3", "A", filled=True, content="milk"))


def lane(*others: Site) -> MemoryPort:
    return port(*(Site(site.site_id, site.group, site.filled, site.content) for site in LANE), *others)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "A_2"),
        ({"filled": simple("true")}, "A_3"),
        ({"filled": simple("true"), "content": simple("milk")}, "A_3"),
        ({"filled": simple("true"), "content": simple("beer"), "retry": simple("false")}, ""),
        ({"groupName": expr('["B", "A"]')}, "B_1"),
        ({"groupName": simple("B, A")}, "B_1"),
        ({"groupName": simple("A,B")}, "A_2"),
        ({"groupName": simple("C"), "retry": simple("false")}, ""),
    ],
)
def test_a_search_in_lanes_finds_what_can_be_reached(given: dict[str, Any], found: str) -> None:
    world = lane(Site("B_1", "B"))

    result = run(search(**given), port=world)

    assert outputs(result) == {"siteId": found}
    assert all(site.locked_by == "" for site in world.sites.sites.values())


def test_what_is_found_is_locked_when_asked() -> None:
    world = lane()
    run(search(lock=simple("true")), port=world)
    assert world.sites.sites["A_2"].locked_by == "rec-1"


def test_two_branches_of_a_run_do_not_get_the_same_place() -> None:
    world = lane()

    def free(number: int, port: MemoryPort, end: SliceEnd) -> None:
        if isinstance(end.outcome, Suspended) and port.sites.sites["A_2"].locked_by:
            port.sites.sites["A_2"].locked_by = ""
            port.sites.sites["A_2"].filled = True

    result = run(
        block("p", "ParallelFlowBp", search("b1", lock=simple("true")), search("b2", lock=simple("true"))),
        port=world,
        on_slice=free,
    )

    assert {outputs(result, "b1")["siteId"], outputs(result, "b2")["siteId"]} == {"A_1", "A_2"}


def test_it_waits_for_a_lane_and_goes_on_when_one_is_usable() -> None:
    world = port(Site("A_1", "A", locked_by="maria"))

    def free(number: int, port: MemoryPort, end: SliceEnd) -> None:
        if number == 1:
            assert isinstance(end.outcome, Suspended)
            assert end.outcome.waits[0].code == "lane"
            port.sites.sites["A_1"].locked_by = ""

    assert outputs(run(search(), port=world, on_slice=free)) == {"siteId": "A_1"}


def test_a_given_number_of_attempts_that_is_used_up_goes_on_without_a_location() -> None:
    world = port(Site("A_1", "A", filled=True))
    assert outputs(run(search(retryNum=simple("3")), port=world)) == {"siteId": ""}
    assert world.now >= 3000


@pytest.mark.parametrize("given", [{}, {"retryNum": simple("0")}, {"retryNum": simple("-1")}])
def test_without_a_number_the_setting_bounds_the_attempts_and_the_block_fails(given: dict[str, Any]) -> None:
    result = run(search(**given), port=port(Site("A_1", "A", filled=True)))
    assert isinstance(result.outcome, Failed)
    assert result.outcome.error_code == "site_not_found"


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"groupName": expr("null")}, "lane.empty", "groupName"),
        ({"groupName": expr("[]")}, "lane.empty", "groupName"),
        ({"filled": expr("null")}, "lane.empty", "filled"),
        ({"groupName": expr("'[ A, '")}, "block.parameter", "groupName"),
        ({"groupName": expr('["A", null]')}, "block.parameter", "empty"),
        ({"groupName": expr("[[1]]")}, "block.parameter", "list of names"),
        ({"groupName": expr(f'"{"x" * 129}"')}, "block.parameter", "128"),
        ({"content": expr(f'"{"x" * 256}"')}, "block.parameter", "255"),
        ({"retryPeriod": expr("-1")}, "block.parameter", "retryPeriod"),
        ({"groupName": simple("N")}, "location_no_lane", "N-extra"),
    ],
)
def test_what_it_refuses_names_the_parameter(given: dict[str, Any], code: str, words: str) -> None:
    result = run(search(**given), port=lane(Site("N-extra", "N")))
    assert isinstance(result.outcome, Failed)
    assert (result.outcome.error_code, words in result.outcome.message) == (code, True), result.outcome.message
