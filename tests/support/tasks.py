"""Tiny definitions as dictionaries and files, so that tests of commands and pages read as what they do."""

from __future__ import annotations

import json
from typing import Any

Block = dict[str, Any]


def block(number: int, kind: str, children: dict[str, list[Block]] | None = None, **params: str) -> Block:
    """A block named ``b<number>``; a parameter that starts with ``=`` is an expression."""
    return {
        "id": number,
        "name": f"b{number}",
        "blockType": kind,
        "children": children or {},
        "inputParams": {
            name: {"type": "Expression", "value": text[1:]}
            if text.startswith("=")
            else {"type": "Simple", "value": text}
            for name, text in params.items()
        },
    }


def detail(*blocks: Block, inputs: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A detail object with these blocks under its root."""
    root = {"id": -1, "name": "-1", "blockType": "RootBp", "inputParams": {}, "children": {"default": list(blocks)}}
    return {"inputParams": inputs or [], "outputParams": [], "rootBlock": root}


def task_file(**definitions: dict[str, Any]) -> bytes:
    """An array ``.task`` of ``label=detail``."""
    rows = [{"label": label, "detail": json.dumps(value)} for label, value in definitions.items()]
    return json.dumps(rows).encode()
