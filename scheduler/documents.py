"""The JSON document of one run: what ``run_task`` and ``show_task`` print and upstream tools read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from scheduler import clock
from scheduler.explain import explain
from scheduler.models import BlockRecord, TaskRecord
from scheduler.sentences import log_sentence
from scheduler.states import BlockCode, Status

#: Log lines a document carries at most; the newest ones.
LOG_LIMIT = 2000
#: Block records a document carries at most; the newest ones.
BLOCK_LIMIT = 20_000
#: Sub-tasks a document carries at most; the newest ones.
CHILD_LIMIT = 1000


def record_document(record: TaskRecord, *, detail: bool = False) -> dict[str, Any]:
    """Return the document; with ``detail`` also ``block_records`` and ``log``. A handful of queries, none per block."""
    blocks = _block_records(record)
    steps = [block.name for block in blocks if block.block_type != "RootBp"]
    document: dict[str, Any] = {
        "record_id": record.record_id,
        "label": record.label,
        "version": record.version.number,
        "status": record.status,
        "code": record.code,
        "ended_reason": record.ended_reason,
        "steps": steps,
        "blocks": _outputs(blocks),
        "variables": _parsed(record.variables) or {},
        "agv_id": record.agv_id,
        "state_description": record.state_description,
        "out_order_no": record.out_order_no,
        "attempt": record.attempt,
        "duration_ms": _duration_ms(record),
        "waits": [reason.as_json() for reason in explain(record)],
        **_family(record),
        **_facts(record),
    }
    if detail:
        document["block_records"] = [_block_json(block) for block in blocks]
        document["log"] = _log(record)
    return document


def _family(record: TaskRecord) -> dict[str, Any]:
    # With the parent's key: without it Django reads every row again to tell whose child it is.
    children = record.children.only("record_id", "label", "status", "parent_id").order_by("-id")[:CHILD_LIMIT]
    return {
        "parent": record.parent.record_id if record.parent is not None else None,
        "root": record.root_record_id or record.record_id,
        "children": [
            {"record_id": child.record_id, "label": child.label, "status": child.status, "code": child.code}
            for child in reversed(children)
        ],
    }


def _facts(record: TaskRecord) -> dict[str, Any]:
    """What the run said of itself, for those who read it."""
    return {
        "response": _parsed(record.response),
        "work_types": [name for name in record.work_types.split(",") if name],
        "work_stations": [name for name in record.work_stations.split(",") if name],
        "marked_start_ms": record.marked_start_ms,
        "marked_end_ms": record.marked_end_ms,
        "blocks_run": record.blocks_run,
    }


def _block_records(record: TaskRecord) -> list[BlockRecord]:
    """The newest executions since the run last began at its first block, in start order."""
    newest = record.block_records.filter(attempt=record.history_attempt).order_by("-seq")[:BLOCK_LIMIT]
    return list(reversed(newest))


def _outputs(blocks: Iterable[BlockRecord]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for block in blocks:
        if block.outputs not in ("", "{}", "null"):
            found[block.name] = _parsed(block.outputs)
    return found


def _parsed(text: str) -> Any:
    """JSON, or the text itself when it was cut at the limit."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _duration_ms(record: TaskRecord) -> int:
    end = record.ended_at or clock.now()
    return max(0, round((end - record.created_at).total_seconds() * 1000))


def _block_json(block: BlockRecord) -> dict[str, Any]:
    return {
        "seq": block.seq,
        "name": block.name,
        "type": block.block_type,
        "path": block.path,
        "iteration": block.iteration,
        "code": block.code,
        "status": BlockCode(block.code).name.lower(),
        "started_ms": block.started_ms,
        "ended_ms": block.ended_ms,
        "inputs": _parsed(block.params),
        "outputs": _parsed(block.outputs),
        "reason": block.reason,
    }


def _log(record: TaskRecord) -> list[dict[str, Any]]:
    lines = reversed(record.log_lines.order_by("-id")[:LOG_LIMIT])
    return [
        {
            "at_ms": line.at_ms,
            "level": line.level,
            "block": line.block,
            "code": line.code,
            "args": (args := _parsed(line.args) or {}),
            "text": log_sentence(line.code, args if isinstance(args, dict) else {}),
        }
        for line in lines
    ]


def is_over(record: TaskRecord) -> bool:
    """Whether ``run_task --wait`` may stop following: the code is neither 1000 nor 1002."""
    return Status(record.status) is not Status.PAUSED and record.code != 1000
