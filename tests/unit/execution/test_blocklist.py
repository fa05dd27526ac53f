"""The page of blocks: complete, what the registry says, and every example runs."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from execution import effects, handlers, parameters
from execution.blocklist import render
from execution.errors import BlockError
from execution.examples import detail_of, example_of
from execution.frames import Here
from execution.parameters import kind_of, param
from execution.plan import compile
from execution.registry import REGISTRY, BlockSpec, Registry
from execution.testing import FakeFleet, FakeSites, MemoryPort, Result, Site, run_plan

ROOT = Path(__file__).parents[3]

INCOMPLETE: frozenset[str] = frozenset()
"""Blocks that are still to be documented. It only shrinks."""

FAILURES = {"BlockError", "ChildFailure", "Failed"}

ENDS_OTHERWISE = {"ThrowExceptionBp": "task.thrown"}
"""Examples whose task does not finish, and the code it ends with."""


def registered() -> list[BlockSpec]:
    handlers.load()
    return list(REGISTRY)


def lacks(spec: BlockSpec) -> list[str]:
    """What the documentation of a block does not say."""
    missing = [] if spec.doc.strip() else ["what it does (the handler's docstring)"]
    if spec.example is None:
        missing.append("example=")
    for item in spec.parameters:
        name = item.prefix or item.name
        if not item.help.strip():
            missing.append(f"help= of {name}")
        if not kind_of(item):
            missing.append(f"kind of {name} (the docstring of its converter)")
    return missing + [f"meaning of output {name}" for name in spec.outputs if not spec.meanings.get(name, "").strip()]


@pytest.mark.parametrize("spec", registered(), ids=lambda spec: spec.name)
def test_a_block_says_all_of_itself(spec: BlockSpec) -> None:
    missing = lacks(spec)
    if spec.name in INCOMPLETE:
        assert missing, f"{spec.name} is complete: take it out of INCOMPLETE"
    else:
        assert not missing, f"{spec.name} does not say: {', '.join(missing)}"


def test_what_a_block_does_not_say_is_noticed() -> None:
    @dataclass(slots=True)
    class Params:
        """Parameters."""

        text: Any = param(lambda value: value)

    registry = Registry()
    registry.block("DumbBp", params=Params, outputs={"x": ""})(lambda run, params: None)
    (spec,) = registry
    assert lacks(spec) == [
        "what it does (the handler's docstring)",
        "example=",
        "help= of text",
        "kind of text (the docstring of its converter)",
        "meaning of output x",
    ]


def test_only_registered_blocks_are_excused() -> None:
    assert {spec.name for spec in registered()} >= INCOMPLETE


def test_the_page_is_what_the_registry_says() -> None:
    listed = (ROOT / "docs" / "blocks.md").read_text("utf-8")
    assert listed == render(), "docs/blocks.md is old: run python -m execution.blocklist > docs/blocks.md"


def test_the_page_has_a_section_and_a_link_for_every_block() -> None:
    page = render()
    for spec in registered():
        assert f"\n### `{spec.name}`\n" in page
        assert f"[{spec.name}](#" in page
    headings = {re.sub(r"[^a-z0-9]", "", line.lower()) for line in page.splitlines() if line.startswith("### ")}
    assert set(re.findall(r"\(#([^)]*)\)", page)) == headings
    assert "``" not in page.replace("```", "")


def codes_in(path: Path) -> set[str]:
    """Codes of the failures that a module makes."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in FAILURES
        if node.args and isinstance(node.args[0], ast.Constant)
    }


def test_every_error_a_family_raises_is_documented() -> None:
    """Codes of ``BlockError`` in a family's module are those its blocks declare."""
    declared: dict[str, set[str]] = {}
    for spec in registered():
        declared.setdefault(spec.handler.__module__, set()).update(spec.errors)
    for module, codes in declared.items():
        path = ROOT / f"{module.replace('.', '/')}.py"
        raised = codes_in(path)
        assert raised <= codes, f"{path.name}: @block(errors=...) does not name {sorted(raised - codes)}"


def test_every_error_of_the_engine_is_on_the_page() -> None:
    files = [path for path in (ROOT / "execution").rglob("*.py") if "testing" not in path.parts]
    codes = {code: path.name for path in files for code in codes_in(path)}
    page = render()

    assert len(codes) > 20
    missing = {code: name for code, name in codes.items() if f"| `{code}` |" not in page}
    assert not missing, f"Remedy: errors= of its block, or _COMMON in execution/blocklist.py: {missing}"


def world() -> MemoryPort:
    """Locations and robots that the examples speak of."""
    lane = [Site("L1_1", "L1"), Site("L1_2", "L1", filled=True)]
    sites = FakeSites([Site("A-01", "A"), Site("A-02", "A"), Site("B-01", "B", filled=True, content="pallet"), *lane])
    return MemoryPort(sites, FakeFleet(["AMB-01", "AMB-02"]))


def run_example(spec: BlockSpec) -> Result:
    return run_plan(compile(detail_of(spec)), port=world(), max_slices=200)


@pytest.mark.parametrize(
    "spec", [spec for spec in registered() if spec.example is not None], ids=lambda spec: spec.name
)
def test_an_example_compiles_without_a_warning_and_runs(spec: BlockSpec) -> None:
    assert not compile(detail_of(spec)).warnings
    result = run_example(spec)
    code = getattr(result.outcome, "error_code", None)
    assert code == ENDS_OTHERWISE.get(spec.name), getattr(result.outcome, "message", "")
    assert spec.name == "RootBp" or "b1" in result.steps


def test_the_example_of_the_page_is_the_one_that_runs() -> None:
    spec = REGISTRY.get("RepeatNumBp")
    assert spec is not None
    assert example_of(spec)["inputParams"] == {"num": {"type": "Simple", "value": "3"}}
    assert run_example(spec).steps.count("b2") == 3


def test_texts_are_in_the_words_of_the_house() -> None:
    """Help is a sentence: a capital letter (or a name) first, a full stop last."""
    for spec in registered():
        for item in spec.parameters:
            assert not item.help or re.fullmatch(r"(?s)[A-Z`].*\.", item.help), f"{spec.name}: {item.help}"


def test_the_block_of_the_how_to_is_a_block() -> None:
    text = (ROOT / "docs" / "how-to" / "add-a-block.md").read_text("utf-8")
    pieces = [textwrap.dedent(piece) for piece in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    registry = Registry()
    names: dict[str, Any] = {
        **{"dataclass": dataclass, "param": param, "text": parameters.text, "whole": parameters.whole, "Any": Any},
        **{"Generator": Generator, "Here": Here, "Effect": effects.Effect, "InspectSite": effects.InspectSite},
        **{"BlockError": BlockError, "block": registry.block},
    }
    for piece in pieces:
        exec(piece, names)

    (spec,) = registry
    assert not lacks(spec)
    with REGISTRY.temporary(spec):
        assert run_plan(compile(detail_of(spec)), port=world()).steps == ["b1", "after"]
        detail = detail_of(spec)
        detail["rootBlock"]["children"]["default"][0]["inputParams"]["siteId"]["value"] = "nowhere"
        assert getattr(run_plan(compile(detail), port=world()).outcome, "error_code", "") == "weigh.no-site"
