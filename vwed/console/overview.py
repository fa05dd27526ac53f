"""Context of the Overview: the same numbers that the socket sends, so that the page is complete without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduler.models import TaskDefinition, TaskRecord
from scheduler.sentences import wait_sentence
from scheduler.states import FACES, Status
from storage.models import StorageLocation
from vwed.console import charts
from vwed.console.memory_words import PROCESS_LOOKS, verdict_word
from vwed.live.topics import TOPICS
from vwed.monitoring.processes import ALIVE

#: The charts of a wall display.
WALL_CHARTS = ("memory", "status", "throughput", "latency")

#: Order in which the overview names the active states.
_STATES = (
    Status.READY,
    Status.CLAIMED,
    Status.RUNNING,
    Status.WAITING,
    Status.PAUSED,
    Status.INTERRUPTED,
    Status.SCHEDULED,
)


#: What is looked for, by the load that should be there.
LOADS: Mapping[bool | None, Promise] = {
    True: gettext_lazy("a full location"),
    False: gettext_lazy("an empty location"),
    None: gettext_lazy("a location"),
}


def overview_context(request: HttpRequest) -> dict[str, Any]:
    """Numbers, reasons, charts, steps of "Get started". At most 18 queries.

    The address holds the state: ``range`` of time, ``memory=lines`` instead of areas, ``wall=1`` for a wall display.
    """
    if not request.user.has_perm(TOPICS["overview"].permission):
        return {"live": None}
    overview = TOPICS["overview"].reader()()
    wall = request.GET.get("wall") == "1"
    pooled, stacked = overview["db"]["pool"] is not None, request.GET.get("memory") != "lines"
    database = reverse("admin:database")
    cards = charts.overview_cards(pooled=pooled, stacked=stacked, database_url=database)
    return {
        "live": {"overview": overview},
        "topics": "overview",
        "states": [
            {"name": str(status), "label": status.label, "face": FACES[status], "count": overview["n"][status]}
            for status in _STATES
        ],
        "reasons": [_reason(row) for row in overview["why"]["rows"]],
        "workers": [_worker(row) for row in overview["w"]],
        "verdict": verdict_word(overview["mem"]["v"]),
        "cards": [card for card in cards if card.name in WALL_CHARTS] if wall else cards,
        "range": charts.chosen_range(request),
        "range_names": charts.range_names(),
        "history_url": reverse("admin:monitoring_history"),
        "database_url": database,
        "steps": [] if wall else _steps(request),
        **({"wall": True, "is_nav_sidebar_enabled": False} if wall else {}),
    }


def reason_texts() -> dict[str, str]:
    """Sentences for reasons in the active language, for the page's script."""
    from scheduler.sentences import WAITS

    return {code: reason_text(code, {}) for code in WAITS}


def reason_text(code: str, args: Mapping[str, Any]) -> str:
    """What many runs wait for together; ``static/vwed/js/pages/overview.js`` composes it the same way."""
    if code == "location" and "filled" in args:
        what = LOADS[args["filled"]]
        return _("%(what)s in group %(group)s") % {"what": what, "group": args["group"]} if args["group"] else str(what)
    texts = {
        "location": _("a location that fits"),
        "lane": _("a location of a dense lane"),
        "lock": _("a location that somebody holds"),
        "unlock": _("a location to be released"),
        "robot": _("a free robot"),
        "order": _("a robot that is on its way"),
        "effect": _("the answer of another system"),
        "unknown": _("a decision: unknown whether a call happened"),
        "time": _("a set time"),
        "child": _("a sub-task"),
        "condition": _("a condition"),
        "decision": _("your decision"),
        "nobody": _("a cluster for its queue"),
    }
    return texts.get(code) or wait_sentence(code, args)


def _reason(row: list[Any]) -> dict[str, Any]:
    code, args, count, oldest_ms = row
    return {
        "code": code,
        # As the script writes it: it tells whether a row is the same one.
        "key": "/".join([code, *(_plain(args.get(name)) for name in ("queue", "group", "filled"))]),
        "text": reason_text(code, args) + (f" ({args['queue']})" if "queue" in args else ""),
        "count": count,
        "oldest_ms": oldest_ms,
        "url": _reason_url(code),
    }


def _plain(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _reason_url(code: str) -> str:
    if code == "nobody":
        return reverse("admin:services")
    status = "interrupted" if code == "decision" else "waiting"
    return f"{reverse('admin:scheduler_taskrecord_changelist')}?status={status}"


def _worker(row: list[Any]) -> dict[str, Any]:
    names = ("seat", "record", "label", "block", "since", "bytes", "runs", "state", "recycle_in", "name")
    worker = dict(zip(names, row, strict=True))
    return {**worker, "look": None if worker["state"] == ALIVE else PROCESS_LOOKS[worker["state"]]}


def _steps(request: HttpRequest) -> list[dict[str, Any]]:
    """The way from an empty installation to a run; empty when it has been gone."""
    if TaskRecord.objects.exists():
        return []
    may = request.user.has_perm
    definitions = reverse("admin:scheduler_taskdefinition_changelist")
    importing = reverse("admin:scheduler_taskdefinition_import") if may("scheduler.add_taskdefinition") else ""
    return [
        {
            "done": TaskDefinition.objects.exists(),
            "title": _("Import a task file"),
            "url": importing,
            "command": "manage.py import_tasks FILE.task",
        },
        {
            "done": StorageLocation.objects.exists(),
            "title": _("Create locations"),
            "url": reverse("admin:storage_map"),
            "command": "manage.py locations create A-01 --area A --group PICK",
        },
        {
            "done": False,
            "title": _("Connect the fleet: set FLEET_URL, or use the simulator"),
            "url": "",
            "command": "manage.py fleet_simulator",
        },
        {"done": False, "title": _("Run a task"), "url": definitions, "command": "manage.py run_task LABEL"},
    ]
