"""The cache blocks, against the cache in memory."""

from __future__ import annotations

from typing import Any

import pytest

from execution.cached import KEY_LIMIT, key_fault, stored_text
from execution.errors import PlanErrors
from execution.limits import Limits
from execution.outcome import Failed
from execution.testing import MemoryPort, Result
from execution.testing.cache import FakeCache
from tests.unit.execution.trees import Block, block, expr, plan, run, set_, try_

KINDS = ("CacheDataBp", "GetCacheDataBp", "ClearCacheDataBp")


def put(name: str, key: Any, value: Any) -> Block:
    return block(name, "CacheDataBp", key=key, value=value)


def get(name: str, key: Any) -> Block:
    return block(name, "GetCacheDataBp", key=key)


def clear(name: str, key: Any) -> Block:
    return block(name, "ClearCacheDataBp", key=key)


def with_cache(cache: FakeCache) -> MemoryPort:
    port = MemoryPort()
    port.cache = cache
    return port


def fault(result: Result) -> Failed:
    assert isinstance(result.outcome, Failed)
    return result.outcome


def test_a_value_is_stored_read_and_cleared() -> None:
    result = run(
        put("b1", "k", "v"),
        get("b2", "k"),
        set_("read", "read", "blocks.b2.value"),
        clear("b3", "k"),
        clear("b4", "k"),
        get("b5", "k"),
        set_("cleared", "cleared", "[blocks.b3.codeInfo, blocks.b4.codeInfo, blocks.b5.value == null]"),
    )
    assert result.variables == {"read": "v", "cleared": [True, False, True]}
    assert result.port.cache.values == {}


def test_a_later_run_reads_what_an_earlier_one_stored() -> None:
    cache = run(put("b1", "k", "v")).port.cache
    result = run(get("b1", "k"), set_("b2", "v", "blocks.b1.value"), port=with_cache(cache))
    assert result.variables == {"v": "v"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12", "12"),
        ("9999999999L", "9999999999"),
        ("2.0", "2.0"),
        ("true", "true"),
        ("1.50B", "1.50"),
        ('""', ""),
        ('"abc".charAt(1)', "b"),
        ('["a", 1, null, 2.5]', '["a",1,null,2.5]'),
        ('["k": ["x": true], "ä": 1L]', '{"k":{"x":true},"ä":1}'),
        ("1.0 / 0", "Infinity"),
    ],
)
def test_any_value_is_stored_as_text(value: str, text: str) -> None:
    result = run(put("b1", "k", expr(value)), get("b2", "k"), set_("b3", "v", "blocks.b2.value"))
    assert result.port.cache.values == {"k": text}
    assert result.variables == {"v": text}


def test_halves_of_characters_and_deep_values_are_no_text() -> None:
    deep: Any = []
    for _ in range(150):
        deep = [deep]
    assert stored_text("a\ud800b") == "a\ufffdb"
    assert stored_text(["\ud800"]) == '["\ufffd"]'
    assert stored_text(None) is None
    with pytest.raises(ValueError, match="100 levels"):
        stored_text(deep)


def test_nothing_cannot_be_stored() -> None:
    failed = fault(run(put("b1", "k", expr("null"))))
    assert (failed.block, failed.error_code, failed.message) == ("b1", "cache.empty", "value is empty.")
    warning = plan(block("b1", "CacheDataBp", key="k")).warnings[0]
    assert "value is empty" in warning.message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "key", ["null", '""', '" a"', '"a "', '"a\\nb"', '"x".repeat(191)', '"12345678901234567890".repeat(5000)']
)
def test_a_key_that_is_none_fails_its_block_and_is_named(kind: str, key: str) -> None:
    failed = fault(run(block("b1", kind, key=expr(key), **({"value": "v"} if kind == "CacheDataBp" else {}))))
    assert (failed.block, failed.error_code) == ("b1", "cache.key")
    assert failed.message.startswith("key: A key has 1 to 190")
    assert len(failed.message) < 250


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_without_a_key_is_refused(kind: str) -> None:
    with pytest.raises(PlanErrors, match=f"{kind} needs key"):
        plan(block("b1", kind))


def test_a_key_may_be_any_value_as_text() -> None:
    assert run(put("b1", expr("12"), "v")).port.cache.values == {"12": "v"}
    assert key_fault("k" * KEY_LIMIT) == ""
    assert key_fault("数据 1") == ""


def test_a_full_cache_refuses_new_keys_and_keeps_what_it_has() -> None:
    cache = FakeCache({"a": "1", "b": "2"}, most=2, longest=3)
    caught = try_("b1", [put("b2", "c", "3")], [put("b3", "a", "new")])
    result = run(caught, put("b4", "b", "long"), port=with_cache(cache))
    assert fault(result).error_code == "cache_value_too_long"
    assert result.port.cache.values == {"a": "new", "b": "2"}


def test_two_branches_see_each_others_values() -> None:
    first = block("s1", "SerialFlowBp", put("b1", "k", "1"), get("b2", "k"), set_("b3", "first", "blocks.b2.value"))
    second = block("s2", "SerialFlowBp", get("b4", "k"), set_("b5", "second", "blocks.b4.value"))
    result = run(block("p", "ParallelFlowBp", first, second), limits=Limits(slice_steps=1))
    assert result.variables == {"first": "1", "second": "1"}
