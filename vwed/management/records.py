"""One run, for people at a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone

from scheduler.errors import Refused
from scheduler.models import TaskRecord

_VALUE_WIDTH = 100


def find_record(record_id: str) -> TaskRecord:
    """The record of that id.

    Raises:
        Refused: ``unknown_record``.
    """
    record = TaskRecord.objects.select_related("version", "definition").filter(record_id=record_id).first()
    if record is None:
        remedy = "Ids are shown by run_task and under Task records; ended runs are pruned after the retention."
        raise Refused("unknown_record", f"There is no task record {record_id}.", remedy)
    return record


def lines_of(document: dict[str, Any]) -> Iterator[str]:
    """The document of a run as lines of text."""
    yield f"{document['record_id']}  {document['label']} v{document['version']}  {status_line(document)}"
    for name, title in (("agv_id", "robot"), ("state_description", "state"), ("out_order_no", "out-order number")):
        if document[name]:
            yield f"  {title}: {document[name]}"
    for wait in document["waits"]:
        holder = f", held by {wait['holder']}" if wait.get("holder") else ""
        where = f" at {wait['block']}" if wait["block"] else ""
        yield f"  waits{where}: {wait['for']}{holder}"
        yield from _below(wait)
    if document["parent"]:
        yield f"  sub-task of: {document['parent']}"
    for child in document["children"]:
        yield f"  sub-task: {child['record_id']}  {child['label']}  {child['status']} ({child['code']})"
    if document["response"] is not None:
        yield f"  response = {_short(document['response'])}"
    for name, value in document["variables"].items():
        yield f"  {name} = {_short(value)}"
    blocks = document.get("block_records", [])
    if blocks:
        yield "Blocks:"
    for block in blocks:
        ended = block.get("reason") or _short(block.get("outputs") or {})
        yield f"  {block['seq']:>4} {block['name']:<12} {block['type']:<20} {block['code']} {ended}".rstrip()
    log = document.get("log", [])
    if log:
        yield "Log:"
    for line in log:
        at = datetime.fromtimestamp(line["at_ms"] / 1000, tz=timezone.get_current_timezone())
        yield f"  {at:%H:%M:%S} {line['block']}: {line['text']}"


def _below(wait: dict[str, Any]) -> Iterator[str]:
    """What the last of a chain of sub-tasks waits for."""
    below = wait.get("below")
    if below:
        held = f", held by {below['holder']}" if below.get("holder") else ""
        yield f"    {' ← '.join(wait['chain'])}: {below['for']}{held}"


def status_line(document: dict[str, Any]) -> str:
    """Status, code, duration and the reason of the end."""
    reason = f": {document['ended_reason']}" if document["ended_reason"] else ""
    return f"{document['status']} ({document['code']}) after {document['duration_ms'] / 1000:.1f} s{reason}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_WIDTH else f"{text[: _VALUE_WIDTH - 1]}…"
