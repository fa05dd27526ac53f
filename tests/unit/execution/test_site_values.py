"""QueryIdleSiteBp, attributes, BatchSettingSiteBp, content and tags, GetLockedSitesByTaskRecordIdBp."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.outcome import Failed
from execution.testing import FakeSites, MemoryPort, Result, Site
from tests.unit.execution.trees import block, expr, run, simple


def world() -> MemoryPort:
    return MemoryPort(
        FakeSites([Site("A-01", "A"), Site("A-02", "A", filled=True, content="milk"), Site("B-01", "B", locked_by="m")])
    )


def outputs(result: Result, name: str = "b1") -> Any:
    return next(json.loads(row.outputs) for row in result.port.blocks.values() if row.name == name)


def failure(kind: str, **given: Any) -> Failed:
    outcome = run(block("b1", kind, **given), port=world()).outcome
    assert isinstance(outcome, Failed)
    return outcome


# --- QueryIdleSiteBp -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "A-01"),
        ({"orderDesc": "true"}, "A-02"),
        ({"filled": "true"}, "A-02"),
        ({"content": "milk"}, "A-02"),
        ({"groupName": "B", "locked": "true"}, "B-01"),
        ({"type": "true"}, "A-01"),
        ({"siteId": "A-02"}, "A-02"),
    ],
)
def test_a_look_answers_the_location_as_an_object_and_locks_nothing(given: dict[str, str], found: str) -> None:
    port = world()
    result = run(block("b1", "QueryIdleSiteBp", **{key: simple(value) for key, value in given.items()}), port=port)
    assert outputs(result)["site"]["siteId"] == found
    assert [site.site_id for site in port.sites.sites.values() if site.locked_by] == ["B-01"]


def test_a_look_that_finds_nothing_answers_an_empty_text_at_once() -> None:
    result = run(block("b1", "QueryIdleSiteBp", groupName=simple("B")), port=world())
    assert (outputs(result), result.slices) == ({"site": ""}, 1)


def test_the_object_is_read_by_the_blocks_after_it() -> None:
    result = run(
        block("b1", "QueryIdleSiteBp", filled=simple("true")),
        block("b2", "PrintBp", message=expr("blocks.b1.site.content")),
        port=world(),
    )
    assert any("milk" in log.args for log in result.port.logs)


# --- Attributes ------------------------------------------------------------------------------------------------------


def test_an_attribute_is_written_and_read() -> None:
    port = world()
    result = run(
        block("s1", "SetSiteAttrBp", siteId=simple("A-01"), attrName=simple("height"), attrValue=simple("1.80")),
        block("s2", "SetSiteAttrBp", siteId=simple("A-01"), attrName=simple("FILLED"), attrValue=simple("true")),
        block("b1", "GetSiteAttrBp", siteId=simple("A-01"), attrName=simple("height")),
        block("b2", "GetSiteAttrBp", siteId=simple("A-01"), attrName=simple("filled")),
        block("b3", "GetSiteAttrBp", siteId=simple("A-01"), attrName=simple("colour")),
        port=port,
    )
    assert [outputs(result, name)["attrValue"] for name in ("b1", "b2", "b3")] == ["1.80", 1, None]


@pytest.mark.parametrize(
    ("kind", "given", "code"),
    [
        ("SetSiteAttrBp", {"attrName": simple("lockedBy"), "attrValue": simple("me")}, "location_value"),
        ("SetSiteAttrBp", {"attrName": simple("filled"), "attrValue": simple("perhaps")}, "location_value"),
        ("SetSiteAttrBp", {"attrName": expr("null")}, "attribute.empty"),
        ("GetSiteAttrBp", {"attrName": expr('" "')}, "attribute.empty"),
        ("GetSiteAttrBp", {"attrName": simple("content"), "siteId": simple("nowhere")}, "location_unknown"),
        ("GetSiteAttrBp", {"attrName": simple("content"), "siteId": expr("null")}, "site.empty"),
        ("SetSiteContentBp", {"siteId": simple("nowhere")}, "location_unknown"),
        ("SetSiteTagsBp", {"siteId": expr("null")}, "site.empty"),
        ("SetSiteTagsBp", {"tags": expr(f'"{"x" * 256}"')}, "block.parameter"),
    ],
)
def test_what_is_refused(kind: str, given: dict[str, Any], code: str) -> None:
    assert failure(kind, **{"siteId": simple("A-01"), **given}).error_code == code


@pytest.mark.parametrize(("given", "content", "tags"), [("x", "x", "x"), (None, "", "")])
def test_content_and_tags_are_replaced_and_left_out_cleared(given: str | None, content: str, tags: str) -> None:
    port = world()
    value = {} if given is None else {"value": simple(given)}
    run(
        block("b1", "SetSiteContentBp", siteId=simple("A-02"), **({"content": value["value"]} if value else {})),
        block("b2", "SetSiteTagsBp", siteId=simple("A-02"), **({"tags": value["value"]} if value else {})),
        port=port,
    )
    site = port.sites.sites["A-02"]
    assert (site.content, site.tags, site.filled) == (content, tags, True)


# --- Many at once ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sites", [simple("A-01,A-02"), simple('["A-01", "A-02"]'), expr('["A-02", "A-01"]'), simple(" A-01 , A-02 ")]
)
def test_locations_are_named_as_a_list_as_json_or_with_commas(sites: Any) -> None:
    port = world()
    run(block("b1", "BatchSettingSiteBp", siteIds=sites, filled=simple("true"), content=simple("c")), port=port)
    assert {site.site_id: (site.filled, site.content) for site in port.sites.sites.values()} == {
        "A-01": (True, "c"),
        "A-02": (True, "c"),
        "B-01": (False, ""),
    }


def test_whole_groups_are_set_and_what_is_left_out_stays() -> None:
    port = world()
    run(block("b1", "BatchSettingSiteBp", groupNames=simple("A"), type=simple("false")), port=port)
    assert [(site.type, site.content) for site in port.sites.sites.values()] == [(0, ""), (0, "milk"), (1, "")]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"siteIds": simple("A-01,nowhere"), "filled": simple("true")}, "location_unknown"),
        ({"groupNames": simple("A,Z"), "filled": simple("true")}, "group_unknown"),
        ({"siteIds": simple("A-01")}, "location_value"),
        ({"filled": simple("true")}, "location_value"),
        ({"siteIds": expr('"A-01,,B-01"'), "filled": simple("true")}, "block.parameter"),
        ({"siteIds": expr('["k": 1]'), "filled": simple("true")}, "block.parameter"),
        ({"siteIds": expr(repr([f"X{n}" for n in range(1001)])), "filled": simple("true")}, "block.parameter"),
    ],
)
def test_a_batch_that_is_refused_changes_nothing(given: dict[str, Any], code: str) -> None:
    port = world()
    outcome = run(block("b1", "BatchSettingSiteBp", **given), port=port).outcome
    assert isinstance(outcome, Failed)
    assert outcome.error_code == code
    assert [site.filled for site in port.sites.sites.values()] == [False, True, False]


# --- Locks of a run --------------------------------------------------------------------------------------------------


def test_what_a_run_holds_is_listed_in_order() -> None:
    port = world()
    result = run(
        block("l1", "SetSiteLockedBp", siteId=simple("A-02")),
        block("l2", "SetSiteLockedBp", siteId=simple("A-01")),
        block("b1", "GetLockedSitesByTaskRecordIdBp", taskRecordId=expr("task.taskRecordId")),
        block("b2", "GetLockedSitesByTaskRecordIdBp", taskRecordId=simple("nobody")),
        port=port,
    )
    assert outputs(result)["lockedSiteIdList"] == ["A-01", "A-02"]
    assert outputs(result, "b2")["lockedSiteIdList"] == []
    assert failure("GetLockedSitesByTaskRecordIdBp", taskRecordId=expr("null")).error_code == "holder.empty"
