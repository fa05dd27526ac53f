"""What an orderDetails document means, however odd it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.fleet.views import SeenOrder, lost_order, read_order

TEXT = st.text("aé 💥\ud800\x00\n", max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
NAMES = ("state", "vehicle", "blocks", "errors", "error", "msg", "notices")
PARTS = ("blockId", "state", "containerName", "code", "desc")


def test_a_full_document_is_read() -> None:
    document = {
        "id": "o1",
        "state": "FAILED",
        "vehicle": "AMB-01",
        "blocks": [
            {"blockId": "a", "state": "FINISHED", "containerName": "C7"},
            {"blockId": "b", "state": "FAILED", "containerName": ""},
        ],
        "errors": [{"code": 52111, "desc": "fork blocked", "times": 1}, {"code": 1, "desc": "older"}],
        "msg": "less precise",
    }
    assert read_order(document) == SeenOrder(
        "FAILED", "AMB-01", {"a": "FINISHED", "b": "FAILED"}, {"a": "C7"}, "fork blocked", (52111, 1)
    )


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"errors": [], "error": {"desc": "e"}, "msg": "m"}, "e"),
        ({"error": "text", "msg": "m"}, "text"),
        ({"error": {}, "msg": "m"}, "m"),
        ({"msg": "", "notices": [{"code": 1, "desc": "no idle robot"}]}, "no idle robot"),
        ({"state": "Error"}, "the fleet refuses the parameters of the order"),
        ({}, ""),
    ],
)
def test_the_reason_is_the_most_precise_thing_the_fleet_says(parts: dict[str, Any], reason: str) -> None:
    assert read_order(parts).reason == reason


@pytest.mark.parametrize(
    ("state", "closed"),
    [("FINISHED", True), ("STOPPED", True), ("Error", True), ("FAILED", False), ("SUSPENDED", False)],
)
def test_only_final_states_close_an_order(state: str, closed: bool) -> None:
    assert read_order({"state": state}).closed is closed


def test_a_vehicle_that_was_named_stays_named() -> None:
    before = SeenOrder("RUNNING", "AMB-01", {"a": "RUNNING"})
    assert read_order({"state": "FINISHED"}, before=before).vehicle == "AMB-01"
    assert lost_order(before).blocks == {"a": "RUNNING"}
    assert lost_order(before).closed


@given(st.dictionaries(st.sampled_from(NAMES), JSON | st.lists(st.dictionaries(st.sampled_from(PARTS), JSON))))
def test_whatever_comes_is_read_into_something_that_fits_its_columns(document: dict[str, Any]) -> None:
    seen = read_order(document)
    texts = [seen.state, seen.vehicle, seen.reason, *seen.blocks, *seen.blocks.values()]
    texts += [*seen.container_names, *seen.container_names.values()]
    assert all("\x00" not in text and text.encode("utf-8") is not None for text in texts)
    assert (len(seen.state) <= 32, len(seen.vehicle) <= 64, len(seen.reason) <= 1000) == (True, True, True)
    json.dumps([dict(seen.blocks), seen.error_codes], allow_nan=False)
