"""Identifiers, digests and names by chance: the same after a crash, different everywhere else."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest

from execution.errors import PlanErrors
from execution.limits import Limits, RunInfo
from execution.outcome import Failed
from execution.testing import MemoryPort, Result, run_plan
from tests.unit.execution.trees import Block, block, expr, plan, run, set_

ONE_BLOCK = Limits(slice_steps=1)


def fault(result: Result) -> Failed:
    assert isinstance(result.outcome, Failed)
    return result.outcome


def made(result: Result, kind: str) -> list[str]:
    """The outputs of all blocks of a kind, in order."""
    return [row.outputs for _, row in sorted(result.port.blocks.items()) if row.block_type == kind]


def test_a_uuid_is_one_that_others_accept() -> None:
    result = run(block("b1", "CreateUuidBp"), set_("b2", "v", "blocks.b1.createUuid"))
    text = result.variables["v"]
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", text)
    assert UUID(text).version == 4


@pytest.mark.parametrize(
    ("kind", "given"), [("CreateUuidBp", {}), ("RandomSiteBp", {"start": 0, "length": 10**9, "width": 9})]
)
def test_every_block_round_branch_attempt_and_run_has_its_own(kind: str, given: dict[str, Any]) -> None:
    def one(name: str) -> Block:
        return block(name, kind, **given)

    compiled = plan(
        one("b1"),
        one("b2"),
        block("b3", "RepeatNumBp", block("b4", "RepeatNumBp", one("b5"), num=3), num=3),
        block("b6", "ParallelFlowBp", one("b7"), one("b8")),
        block("b9", "ParallelRepeatNBp", one("b10"), num=3),
    )
    infos = [
        RunInfo("rec-1"),
        RunInfo("rec-2"),
        RunInfo("rec-1", attempt=2),
        RunInfo("rec-1", created_on="2026-01-01 00:00:00"),
    ]
    texts = [text for info in infos for text in made(run_plan(compiled, info=info), kind)]
    assert len(texts) == 4 * 16
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize(("kind", "given"), [("CreateUuidBp", {}), ("RandomSiteBp", {"start": 1, "length": 10**9})])
def test_it_is_the_same_after_a_crash(kind: str, given: dict[str, Any], where: str) -> None:
    inside = [block("b2", kind, **given), block("b3", "DelayBp", timeMillis=5)]
    compiled = plan(block("b1", "RepeatNumBp", *inside, num=2))
    whole = run_plan(compiled)
    port = MemoryPort()
    port.crash_at = dict.fromkeys(range(1, 12), where)
    crashed = run_plan(compiled, port=port, limits=ONE_BLOCK)
    assert crashed.crashes > 3
    assert made(crashed, kind) == made(whole, kind)


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        ('""', "d41d8cd98f00b204e9800998ecf8427e"),
        ('"中文"', "a7bac2239fcdcb3a067903d8077c4a07"),
        ("12", "c20ad4d76fe97759aa27a0c99bff6710"),
        ("true", "b326b5062b2f0e69046810717534cb09"),
    ],
)
def test_md5_is_that_of_the_text_in_utf_8(value: str, digest: str) -> None:
    result = run(block("b1", "Md5EncryptionForStringBp", string=expr(value)), set_("b2", "v", "blocks.b1.hexValue"))
    assert result.variables == {"v": digest}


def test_md5_of_nothing_fails_and_a_missing_text_is_refused() -> None:
    failed = fault(run(block("b1", "Md5EncryptionForStringBp", string=expr("null"))))
    assert (failed.block, failed.error_code, failed.message) == ("b1", "text.empty", "string is empty.")
    with pytest.raises(PlanErrors, match="needs string"):
        plan(block("b1", "Md5EncryptionForStringBp"))


def names(**given: Any) -> set[str]:
    compiled = plan(
        block("b1", "RepeatNumBp", block("b2", "RandomSiteBp", **given), num=400),
    )
    texts = made(run_plan(compiled), "RandomSiteBp")
    return {re.fullmatch(r'\{"randomName":"(.*)"\}', text)[1] for text in texts}  # type: ignore[index]


def test_every_number_of_the_range_comes_up_and_no_other() -> None:
    assert names(prefix="AP-", start=8, length=5, width=3) == {"AP-008", "AP-009", "AP-010", "AP-011", "AP-012"}
    assert names(start="98", length="3") == {"98", "99", "100"}
    assert names(prefix="X", start=0, length=1, width=0) == {"X0"}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("start", "null", "text.range"),
        ("start", "-1", "text.range"),
        ("start", "10000000000 * 10000000000L", "text.range"),
        ("start", '"abc"', "block.parameter"),
        ("length", "null", "text.range"),
        ("length", "0", "text.range"),
        ("length", "1000000001", "text.range"),
        ("length", "true", "block.parameter"),
        ("width", "65", "text.range"),
        ("width", "-1", "text.range"),
        ("width", "[1]", "block.parameter"),
    ],
)
def test_numbers_outside_their_bounds_name_parameter_and_value(name: str, value: str, code: str) -> None:
    given = {"start": expr("1"), "length": expr("2"), name: expr(value)}
    failed = fault(run(block("b1", "RandomSiteBp", prefix="A", **given)))
    assert (failed.block, failed.error_code) == ("b1", code)
    assert failed.message.startswith(name)


def test_a_range_is_needed() -> None:
    for given in ({"start": 1}, {"length": 1}):
        with pytest.raises(PlanErrors, match="RandomSiteBp needs"):
            plan(block("b1", "RandomSiteBp", **given))
