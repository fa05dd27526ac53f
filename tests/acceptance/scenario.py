"""Scenarios of ``tests/data/cases.json``: what is given, what is expected, and how calls to the fleet are compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vwed.env import ROOT

DATA = ROOT / "tests" / "data"
#: Where the sources differ, this is what holds here: an empty key route is refused, a failed order shows at its block
#: at once, a number is a good target, and what a loop published last stays after it.
DECIDED: Mapping[str, Mapping[str, Any]] = {
    "01b": {"take": "expect_vendor"},
    "01d": {"take": "expect_lenient"},
    "03a": {"blocks_after": {"b2": {"index": 2, "size": 3, "item": "S3"}}},
    "03d": {"take": "expect_lenient"},
}


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario with the expectation that holds here."""

    id: str
    label: str
    given: Mapping[str, Any]
    inputs: Mapping[str, Any]
    event: str
    expect: Mapping[str, Any]


def cases() -> list[Case]:
    """All scenarios of the file."""
    return [_case(raw) for raw in json.loads((DATA / "cases.json").read_text())["cases"]]


def _case(raw: Mapping[str, Any]) -> Case:
    decided = dict(DECIDED.get(raw["id"], {}))
    expect = {**raw.get("expect", {}), **raw.get(decided.pop("take", ""), {}), **decided}
    # The one definition that carries its own label; the others are named by their file.
    label = "demo_task" if raw["task"] == "14" else raw["task"]
    return Case(raw["id"], label, raw["given"], raw["inputs"], raw.get("event", ""), expect)


def said(call: Mapping[str, Any]) -> dict[str, str]:
    """A call as the scenarios write it: its name and what they may name of its body."""
    body = call["body"]
    return {
        "call": call["call"],
        "id": str(body.get("id", "")),
        "keyRoute": f"[{','.join(body.get('keyRoute', ()))}]",
        "externalId": str(body.get("externalId", "")),
        "location": ",".join(str(block["location"]) for block in body.get("blocks", ())),
    }


def matches(text: str, call: Mapping[str, Any], *, record_id: str, first_order: str) -> bool:
    """Whether a call is what ``text`` (``addBlocks location=LM1``) says."""
    filled = text.replace("<record>", record_id).replace("<order of b1>", first_order)
    name, *pairs = filled.split()
    wanted = {"call": name, **dict(pair.split("=", 1) for pair in pairs)}
    shown = said(call)
    return all(shown[key] == value for key, value in wanted.items())


def rounds(rows: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """The executions of one block, in start order."""
    return [row for row in rows if row["name"] == name]
