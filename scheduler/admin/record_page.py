"""Everything one run's page shows. At most 14 queries; what a tab does not show is not read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from execution.values import load_tagged, to_plain
from scheduler import clock, explain, left_behind
from scheduler.admin.record_actions import offered
from scheduler.admin.waits import cards
from scheduler.commands.continuing import CONTINUABLE
from scheduler.models import BlockRecord, LogLine, ProcessRow, TaskRecord
from scheduler.sentences import log_sentence
from scheduler.states import ACTIVE, ENDED, BlockCode, Status
from vwed.console import formats
from vwed.console.chips import BLOCKS, CAUGHT, DECIDED, EFFECTS, NOT_ENDED, Look

#: Rows of one tab.
BLOCK_LIMIT = 400
LOG_LIMIT = 200
#: Blocks that a stopped run is offered to skip.
_STOPPED = 5
#: Characters of a value that are shown.
VALUE_LIMIT = 64_000
#: With the parent's key: without it Django reads every row again to tell whose child it is.
_SHOWN_OF_CHILDREN = ("record_id", "label", "status", "created_at", "ended_at", "ended_reason", "parent_id")
_BRANCHES = frozenset({"if", "else", "else_if", "try", "catch"})
_TABS: tuple[tuple[str, Promise | str], ...] = (
    ("blocks", _("Blocks")),
    ("log", _("Log")),
    ("values", _("Inputs and variables")),
    ("effects", _("Effects and orders")),
    ("family", _("Family and history")),
)


class Button(NamedTuple):
    """How a verb looks in the head of the page."""

    verb: str
    words: Promise | str
    icon: str
    look: str = ""


BUTTONS = (
    Button("continue", _("Continue…"), "play_arrow", "vw-primary"),
    Button("skip", _("Skip the block…"), "skip_next"),
    Button("restart", _("Start again…"), "restart_alt"),
    Button("pause", _("Pause…"), "pause"),
    Button("resume", _("Resume…"), "play_arrow"),
    Button("priority", _("Priority…"), "low_priority"),
    Button("cancel", _("Cancel…"), "do_not_disturb_on", "vw-danger-quiet"),
)
_FAILURES = frozenset({BlockCode.INTERRUPTED, BlockCode.FAILED})
_UNKNOWN = Look("help", "off", _("unknown"))


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One block execution as the table shows it. ``left`` and ``width`` are percents of the run's time."""

    record: BlockRecord
    depth: int
    look: Look
    left: float
    width: float
    duration_s: float


def record_context(request: HttpRequest, record: TaskRecord) -> dict[str, Any]:
    """Context of the page; the tab is in the address."""
    tab = request.GET.get("tab", "blocks")
    if tab not in {name for name, _title in _TABS}:
        tab = "blocks"
    now = clock.now()
    status = Status(record.status)
    reasons = explain.explain(record)
    waits = list(record.waits.order_by("since_ms", "id")) if status is Status.WAITING else []
    history = _history(request, record)
    return {
        "title": gettext("Task record %(id)s") % {"id": record.record_id},
        "record": record,
        "status": status,
        "code": record.code,
        "waits": cards(reasons, waits, now),
        "worker": _worker(record) if status is Status.RUNNING else None,
        "took_s": ((record.ended_at or now) - record.created_at).total_seconds(),
        "newer": record.definition.current_id != record.version_id,
        "active": status in ACTIVE,
        "actions": offered(request.user, record),
        "buttons": BUTTONS,
        "stopped": _stopped(record, status),
        "left_behind": left_behind.held_by(record.record_id) if status in ENDED else (),
        "may_run": request.user.has_perm("scheduler.run_taskdefinition"),
        "tabs": [(name, title, name == tab) for name, title in _TABS],
        "tab": tab,
        **history,
        **_tab(tab, request, record, now, history["history"]),
    }


def _stopped(record: TaskRecord, status: Status) -> list[str]:
    """Names of the blocks that a stopped run waits at for a decision, the one that is told first."""
    if status not in CONTINUABLE:
        return []
    failed = record.block_records.filter(attempt=record.history_attempt, code=BlockCode.INTERRUPTED)
    if record.attempt_at is not None:
        failed = failed.filter(ended_ms__gte=clock.at_ms(record.attempt_at))
    names = [record.failed_block, *failed.order_by("seq").values_list("name", flat=True)[:_STOPPED]]
    return [name for name in dict.fromkeys(names) if name]


@dataclass(frozen=True, slots=True)
class History:
    """Attempts that belong together: the first began at the first block, the others went on from it."""

    first: int
    last: int


def _history(request: HttpRequest, record: TaskRecord) -> dict[str, Any]:
    """The histories of a run, and the one that is looked at: ``?attempt=`` its first attempt. No query for most."""
    if record.history_attempt == 1:
        return {"histories": (), "history": 1, "present": True}
    kept = record.block_records.order_by("attempt").values_list("attempt", flat=True).distinct()
    firsts = sorted({*kept, record.history_attempt})
    lasts = [following - 1 for following in firsts[1:]] + [record.attempt]
    asked = request.GET.get("attempt", "")
    chosen = int(asked) if asked.isdigit() and len(asked) < 10 and int(asked) in firsts else record.history_attempt
    return {
        "histories": [History(first, last) for first, last in zip(firsts, lasts, strict=True)],
        "history": chosen,
        "present": chosen == record.history_attempt,
    }


def _tab(tab: str, request: HttpRequest, record: TaskRecord, now: datetime, attempt: int) -> dict[str, Any]:
    match tab:
        case "log":
            return _log(request, record)
        case "values":
            return _values(record, attempt)
        case "effects":
            effects = list(record.effects.order_by("-id")[:LOG_LIMIT])
            return {
                "effects": [(effect, EFFECTS.get(effect.status, _UNKNOWN)) for effect in effects],
                "orders": list(record.orders.order_by("-id")[:LOG_LIMIT]),
            }
        case "family":
            return {**_family(record), "journal": list(record.journal.order_by("-id")[:LOG_LIMIT])}
        case _:
            return _blocks(record, now, attempt)


def _family(record: TaskRecord) -> dict[str, Any]:
    """Its sub-tasks, the newest first, and the run that all of the family began with, when that is not its parent."""
    children = record.children.only(*_SHOWN_OF_CHILDREN).order_by("-id")[:LOG_LIMIT]
    root = None
    if record.depth > 1:
        root = TaskRecord.objects.only(*_SHOWN_OF_CHILDREN).filter(record_id=record.root_record_id).first()
    return {"children": list(children), "root": root}


def _worker(record: TaskRecord) -> ProcessRow | None:
    return ProcessRow.objects.filter(current_record=record.record_id, ended_at__isnull=True).first()


def _blocks(record: TaskRecord, now: datetime, attempt: int) -> dict[str, Any]:
    """The newest executions of that history with the blocks around them, and how many of how many these are."""
    kept = record.block_records.filter(attempt=attempt)
    newest = list(kept.order_by("-seq")[:BLOCK_LIMIT])[::-1]
    rows = [*_around(kept, newest), *newest]
    number = kept.count() if len(newest) == BLOCK_LIMIT else len(newest)
    run = record.blocks_run if attempt == record.history_attempt else 0
    return {"blocks": _on_axis(record, rows, now), "shown": len(rows), "kept": number, "run": max(run, number)}


def _around(kept: QuerySet[BlockRecord], newest: list[BlockRecord]) -> list[BlockRecord]:
    """The last executions, started before the newest ones, of the blocks around these, in start order."""
    if len(newest) < BLOCK_LIMIT:
        return []
    parts = {tuple(row.path.split("/")) for row in newest}
    paths = {"/".join(path[:depth]) for path in parts for depth in range(1, len(path))}
    earlier = kept.filter(seq__lt=newest[0].seq, path__in=paths).order_by("seq")
    return sorted({row.path: row for row in earlier}.values(), key=lambda row: row.seq)


def _on_axis(record: TaskRecord, rows: list[BlockRecord], now: datetime) -> list[BlockRow]:
    if not rows:
        return []
    start = min(row.started_ms for row in rows)
    open_end = clock.at_ms(record.ended_at or now)
    span = max(1, max(row.ended_ms or open_end for row in rows) - start)
    return [_block(row, _look(record, row, rows), start, span, open_end) for row in rows]


def _look(record: TaskRecord, row: BlockRecord, rows: list[BlockRecord]) -> Look:
    """What a block's code means in this run: a failure is caught when the run went on, or was decided about."""
    if row.code in _FAILURES and _of_an_earlier_attempt(record, row) and not _caught(row, rows):
        return DECIDED
    if row.code == BlockCode.INTERRUPTED and record.status != Status.INTERRUPTED:
        return BLOCKS[BlockCode.FAILED]
    if row.code == BlockCode.FAILED and (record.status == Status.FINISHED or _caught(row, rows)):
        return CAUGHT
    if row.code == BlockCode.RUNNING and record.status == Status.INTERRUPTED:
        return NOT_ENDED
    return BLOCKS.get(row.code, _UNKNOWN)


def _of_an_earlier_attempt(record: TaskRecord, row: BlockRecord) -> bool:
    return record.attempt_at is not None and row.ended_ms is not None and row.ended_ms < clock.at_ms(record.attempt_at)


def _caught(failed: BlockRecord, rows: list[BlockRecord]) -> bool:
    """Whether a block around it ended well after the failure, or the branch for failures was entered."""
    parts = failed.path.split("/try/")
    catches = tuple("/try/".join(parts[:n]) + "/catch/" for n in range(1, len(parts)))
    for row in rows:
        if (
            row.code == BlockCode.DONE
            and row.seq < failed.seq
            and failed.path.startswith(f"{row.path}/")
            and failed.iteration.startswith(row.iteration)
            and (row.ended_ms or 0) >= (failed.ended_ms or 0)
        ):
            return True
        if row.seq > failed.seq and row.path.startswith(catches):
            return True
    return False


def _block(row: BlockRecord, look: Look, start: int, span: int, open_end: int) -> BlockRow:
    end = row.ended_ms or open_end
    steps = [step for step in row.path.split("/") if step and step not in _BRANCHES]
    return BlockRow(
        record=row,
        depth=min(len(steps), 12),
        look=look,
        left=round(100 * (row.started_ms - start) / span, 2),
        width=round(max(0.4, 100 * (end - row.started_ms) / span), 2),
        duration_s=max(0, end - row.started_ms) / 1000,
    )


def _log(request: HttpRequest, record: TaskRecord) -> dict[str, Any]:
    """200 lines backwards from ``before``; problems only on request."""
    lines = record.log_lines.order_by("-id")
    problems = request.GET.get("problems") == "1"
    if problems:
        lines = lines.filter(level__gte=2)
    before = request.GET.get("before", "")
    if before.isdigit():
        lines = lines.filter(id__lt=int(before))
    page = list(lines[: LOG_LIMIT + 1])
    shown = page[:LOG_LIMIT][::-1]
    return {
        "lines": [(line, log_sentence(line.code, _arguments(line))) for line in shown],
        "problems": problems,
        "older": shown[0].pk if len(page) > LOG_LIMIT else None,
    }


def _arguments(line: LogLine) -> dict[str, Any]:
    try:
        found = json.loads(line.args or "{}")
    except ValueError:
        return {"text": line.args}
    return found if isinstance(found, dict) else {"text": found}


def _values(record: TaskRecord, attempt: int) -> dict[str, Any]:
    """Inputs, variables, and what each block gave."""
    outputs = [
        (name, _shown(text))
        for name, text in record.block_records.filter(attempt=attempt)
        .exclude(outputs__in=("", "{}", "null"))
        .order_by("-seq")
        .values_list("name", "outputs")[:LOG_LIMIT]
    ]
    values = {"inputs": _shown(record.inputs), "variables": _shown(record.variables)}
    return {**values, "outputs": outputs[::-1], "said": said(record)}


def said(record: TaskRecord) -> list[tuple[str, str]]:
    """The facts that its blocks wrote, by title; those that none wrote are left out."""
    given = (
        (gettext("response"), _shown(record.response) if record.response else ""),
        (gettext("posts"), record.work_types),
        (gettext("stations"), record.work_stations),
        (gettext("work started"), formats.moment_ms(record.marked_start_ms)),
        (gettext("work ended"), formats.moment_ms(record.marked_end_ms)),
        (gettext("blocks run"), formats.count(record.blocks_run) if record.blocks_run else ""),
    )
    return [(title, text) for title, text in given if text]


def _shown(text: str) -> str:
    """Tagged or plain JSON as indented text, cut at the limit."""
    try:
        plain = to_plain(load_tagged(json.loads(text or "{}")))
    except (ValueError, KeyError, TypeError):
        return text[:VALUE_LIMIT]
    shown = json.dumps(plain, ensure_ascii=False, indent=2)
    return shown if len(shown) <= VALUE_LIMIT else shown[:VALUE_LIMIT] + " …"
