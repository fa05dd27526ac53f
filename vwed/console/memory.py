"""The Memory page: verdict, charts, processes as a tree, what grows, probes, and what runs in the background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from scheduler import clock
from scheduler.models import Probe
from scheduler.probes.kinds import ANSWERING, KIND_LABELS, Kind, State
from vwed.admin_base import page
from vwed.console import background, charts
from vwed.console.chips import Look
from vwed.console.formats import moment
from vwed.console.memory_words import ACTIONS, PROBE_STATES, PROCESS_LOOKS, UNKNOWN, Action, subject_word, verdict_look
from vwed.console.permit import require_view
from vwed.models import Growth
from vwed.monitoring import memory as monitoring
from vwed.monitoring import processes
from vwed.monitoring.generations import Generation, read_generations
from vwed.monitoring.growth import RUNS, SYSTEM, Verdict
from vwed.monitoring.ledger import LedgerEntry, read_ledger
from vwed.monitoring.memory import Memory
from vwed.monitoring.processes import ProcessView
from vwed.monitoring.verdicts import sentence

#: Lines of the chart of generations, and rows of each list of what grows.
GENERATIONS, GROWERS = 6, 8
VIEW, PROBE = "scheduler.view_processrow", "scheduler.probe_processrow"


@dataclass(frozen=True, slots=True)
class Row:
    """One process in the table. ``live``: where its figures stand in the frame."""

    process: ProcessView
    look: Look
    live: str
    verdict: Look | None
    verdict_title: str
    blocks: float | None
    started_ms: int
    actions: tuple[tuple[Action, str], ...]
    recycle_url: str


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """One probe in the list."""

    probe: Probe
    kind: str | Promise
    look: Look
    url: str
    snapshot: bool


def memory(request: HttpRequest) -> HttpResponse:
    """``/admin/memory/``. Five queries beside those of the frame."""
    require_view(request, VIEW)
    present = monitoring.read_memory()
    found = read_generations()
    slopes = {_key(each): monitoring.blocks_per_1000(each) for each in found}
    may_probe = request.user.has_perm(PROBE)
    live = {"memory": monitoring.frame(present)}
    context = {
        "title": _("Memory"),
        "live": live,
        "topics": "memory",
        "verdicts": _verdicts(present),
        "measured": present.total is not None,
        "rows": [_row(each, present.verdicts, live["memory"]["p"], slopes, may_probe) for each in present.processes],
        "further": max(0, len(present.live) - monitoring.FRAME_PROCESSES),
        "may_probe": may_probe,
        "card": charts.memory_card(stacked=request.GET.get("memory") != "lines", ranges=True),
        "range": charts.chosen_range(request),
        "range_names": charts.range_names(),
        "history_url": reverse("admin:monitoring_history"),
        "generations": _lines(found, present),
        "growers": _growers(found),
        "probes": [probe_row(each) for each in present.probes],
        "snapshots": [each for each in present.probes if each.kind == Kind.SNAPSHOT and each.state == State.DONE],
        "background": background.rows(present.processes),
    }
    return page(request, "vwed/pages/memory.html", context)


def _verdicts(present: Memory) -> list[tuple[str, Look, str]]:
    """What is said about everything, then about each series that grows."""
    grows = {subject for subject, row in present.verdicts.items() if row.verdict == Verdict.GROWS}
    growing = sorted(grows - {SYSTEM, RUNS})
    rows = [present.verdicts[subject] for subject in (SYSTEM, RUNS, *growing[:4]) if subject in present.verdicts]
    return [(subject_word(row.subject), verdict_look(row) or UNKNOWN, sentence(row)) for row in rows]


def _row(
    each: ProcessView,
    verdicts: Mapping[str, Growth],
    figures: Mapping[str, Any],
    slopes: Mapping[tuple[str, datetime], float | None],
    may_probe: bool,
) -> Row:
    growth = verdicts.get(each.series) if each.alive else None
    can_answer = may_probe and each.alive and each.role in ANSWERING
    is_worker = each.role == "worker"
    kinds = [action for action in ACTIONS if action.kind is not Kind.TRACE or is_worker]
    recyclable = may_probe and is_worker and each.alive and each.state != processes.DRAINING
    return Row(
        process=each,
        look=PROCESS_LOOKS[each.state],
        live=f"memory.p.{each.key}" if str(each.key) in figures else "",
        verdict=verdict_look(growth),
        verdict_title=sentence(growth) if growth is not None else "",
        blocks=slopes.get(_key(each)),
        started_ms=clock.at_ms(each.started_at),
        actions=tuple((action, _url("admin:memory_ask", each, action.kind)) for action in kinds) if can_answer else (),
        recycle_url=_url("admin:memory_recycle", each) if recyclable else "",
    )


def _key(each: ProcessView | Generation) -> tuple[str, datetime]:
    """What a generation of a worker and its process have in common."""
    return each.boot_id, each.started_at


def _url(view: str, each: ProcessView, *arguments: str) -> str:
    return f"{reverse(view, args=arguments)}?{urlencode({'process': each.name})}"


def _lines(generations: Sequence[Generation], present: Memory) -> list[dict[str, Any]]:
    """One line for each of the newest generations: blocks above its first warm point, by runs since its start."""
    names = {_key(each): f"{each.series} · {each.pid}" for each in present.processes}
    warm = [each for each in generations if len(each.warm) > 1][:GENERATIONS]
    return [
        {
            "name": str(number),
            "label": names.get(_key(each)) or moment(each.started_at),
            "points": [[runs, blocks - each.warm[0][1]] for runs, blocks, _at in each.warm],
        }
        for number, each in enumerate(warm)
    ]


def _growers(generations: Sequence[Generation]) -> list[dict[str, Any]]:
    """The three lists of what grows, with their heads and forms."""
    ledger = read_ledger(generations)
    return [
        {"title": _("By type"), "heads": (_("Objects"), _("Bytes")), "rows": ledger.growers[:GROWERS], "bytes": True},
        _left(_("By definition"), ledger.definitions),
        _left(_("By block type"), ledger.kinds),
    ]


def _left(title: str, entries: Sequence[LedgerEntry]) -> dict[str, Any]:
    heads = (_("Runs"), _("Blocks per 1,000 runs"))
    return {"title": title, "heads": heads, "rows": [(row.name, row.runs, row.per_1000) for row in entries[:GROWERS]]}


def probe_row(probe: Probe) -> ProbeRow:
    """A probe as the list shows it."""
    return ProbeRow(
        probe=probe,
        kind=KIND_LABELS[Kind(probe.kind)] if probe.kind in list(Kind) else probe.kind,
        look=PROBE_STATES.get(probe.state, UNKNOWN),
        url=reverse("admin:memory_probe", args=(probe.pk,)),
        snapshot=probe.kind == Kind.SNAPSHOT and probe.state == State.DONE,
    )
