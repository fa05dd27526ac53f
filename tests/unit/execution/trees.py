"""Builders of definitions, so that tests read as trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execution.limits import Limits
from execution.plan import Plan, compile
from execution.testing import MemoryPort, Result, run_plan

Block = dict[str, Any]


def expr(text: str) -> Mapping[str, Any]:
    """An Expression parameter."""
    return {"type": "Expression", "value": text}


def simple(value: Any) -> Mapping[str, Any]:
    """A Simple parameter."""
    return {"type": "Simple", "value": value}


def block(
    name: str, kind: str, *children: Block, branches: Mapping[str, list[Block]] | None = None, **params: Any
) -> Block:
    """One block: ``children`` are its default branch; a parameter that is no mapping is a Simple one."""
    given = {key: value if isinstance(value, Mapping) else simple(value) for key, value in params.items()}
    tree: dict[str, Any] = {"default": list(children)} if children else {}
    tree.update(branches or {})
    return {"name": name, "blockType": kind, "inputParams": given, "children": tree}


def detail(*blocks: Block, inputs: list[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """A definition."""
    root = {"id": -1, "name": "-1", "blockType": "RootBp", "children": {"default": list(blocks)}}
    return {"inputParams": inputs or [], "outputParams": [], "rootBlock": root}


def declare(name: str, kind: str, default: Any = "") -> Mapping[str, Any]:
    """An input of a definition."""
    return {"name": name, "type": kind, "label": name, "defaultValue": default}


def plan(*blocks: Block, inputs: list[Mapping[str, Any]] | None = None) -> Plan:
    """A compiled definition."""
    return compile(detail(*blocks, inputs=inputs))


def run(*blocks: Block, port: MemoryPort | None = None, limits: Limits | None = None, **more: Any) -> Result:
    """Compile and run to the end."""
    return run_plan(
        plan(*blocks, inputs=more.pop("inputs", None)), more.pop("given", None), port=port, limits=limits, **more
    )


def set_(name: str, variable: str, value: Any) -> Block:
    """SetTaskVariableBp; a text is an expression."""
    return block(name, "SetTaskVariableBp", varName=variable, varValue=expr(value) if isinstance(value, str) else value)


def say(name: str, message: Any) -> Block:
    """PrintBp."""
    return block(name, "PrintBp", message=message)


def throw(name: str, message: str) -> Block:
    """ThrowExceptionBp."""
    return block(name, "ThrowExceptionBp", message=message)


def try_(name: str, tried: list[Block], caught: list[Block], *, swallow: bool = True) -> Block:
    """TryCatchBp."""
    return block(name, "TryCatchBp", branches={"try": tried, "catch": caught}, swallowError=swallow)


def robot(name: str, route: str, *children: Block, **params: Any) -> Block:
    """CSelectAgvBp."""
    return block(name, "CSelectAgvBp", *children, keyRoute=route, **params)


def go(name: str, target: Any) -> Block:
    """CAgvOperationBp."""
    return block(name, "CAgvOperationBp", targetSiteLabel=target)
