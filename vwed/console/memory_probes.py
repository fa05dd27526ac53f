"""Looking into a process from the Memory page: ask, recycle, read a result, compare two snapshots."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from scheduler.commands.recycling import recycle_worker
from scheduler.errors import Refused
from scheduler.models import Probe
from scheduler.probes import asking
from scheduler.probes.kinds import OPEN, TRACE_LEAST_S, TRACE_MOST_S, Kind
from vwed.admin_base import page
from vwed.console.confirm import Asked, Question, ask
from vwed.console.memory import PROBE, VIEW, probe_row
from vwed.console.memory_words import BY_KIND
from vwed.console.permit import require, require_view
from vwed.monitoring import memory as monitoring
from vwed.monitoring.comparison import compare

#: Rows of a table of types, and of a comparison.
TYPES_SHOWN = 200
#: Longest name of a process.
_NAME_LIMIT = 48


def ask_view(request: HttpRequest, kind: str) -> HttpResponse:
    """Ask a process, after its cost was confirmed; leads to the probe."""
    action = BY_KIND.get(kind)
    if action is None:
        raise Http404
    name = request.GET.get("process", "")[:_NAME_LIMIT]
    require(request, PROBE, action=f"probe_{kind}", object_type="process", object_id=name)
    seconds = Asked(
        "seconds",
        _("Seconds"),
        kind="number",
        least=TRACE_LEAST_S,
        most=TRACE_MOST_S,
        value=str(asking.TRACE_S),
        help=_("%(least)s to %(most)s") % {"least": TRACE_LEAST_S, "most": TRACE_MOST_S},
    )
    traces = action.kind is Kind.TRACE
    question = Question(
        title=f"{action.label} · {name}",
        consequence=[action.cost % {"process": name}, _("The result is kept for 24 hours.")],
        verb=action.label,
        asked=[seconds] if traces else [],
        command=f"manage.py probe {name} --kind {kind}" + (" --seconds 20" if traces else ""),
        back=reverse("admin:memory"),
    )
    answer = ask(request, question)
    if isinstance(answer, HttpResponse):
        return answer
    try:
        probe = asking.ask(
            name,
            kind,
            seconds=float(answer.values["seconds"]) if traces else None,
            actor=request.user.get_username(),
            origin="page",
            reason=answer.reason,
        )
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
        return HttpResponseRedirect(question.back)
    return HttpResponseRedirect(reverse("admin:memory_probe", args=(probe.pk,)))


def recycle_view(request: HttpRequest) -> HttpResponse:
    """Ask a worker to drain, after it was confirmed."""
    name = request.GET.get("process", "")[:_NAME_LIMIT]
    require(request, PROBE, action="recycle_worker", object_type="process", object_id=name)
    question = Question(
        title=_("Recycle %(process)s") % {"process": name},
        consequence=[
            _("It hands its run over after the present slice, ends, and another worker takes its place."),
            _("No run is lost or started twice. Its memory goes back to the system."),
        ],
        verb=_("Recycle"),
        command=f"manage.py recycle_worker {name}",
        back=reverse("admin:memory"),
    )
    answer = ask(request, question)
    if isinstance(answer, HttpResponse):
        return answer
    try:
        recycle_worker(name, actor=request.user.get_username(), origin="page", reason=answer.reason)
        messages.success(request, _("%(process)s drains.") % {"process": name})
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    return HttpResponseRedirect(question.back)


def probe_view(request: HttpRequest, pk: int) -> HttpResponse:
    """One probe with its result; an open one is followed by the page's script. Two queries beside the frame's."""
    require_view(request, VIEW)
    probe = Probe.objects.filter(pk=pk).first()
    if probe is None:
        raise Http404
    result: dict[str, Any] = json.loads(probe.result) if probe.result else {}
    is_open = probe.state in OPEN
    others = Probe.objects.filter(process=probe.process, kind=Kind.SNAPSHOT, state="done").exclude(pk=pk)
    context = {
        "title": _("Memory probe %(n)s") % {"n": probe.pk},
        "row": probe_row(probe),
        "probe": probe,
        "is_open": is_open,
        "topics": "memory" if is_open else "",
        "live": {"memory": monitoring.frame(monitoring.read_memory())} if is_open else None,
        "result": result,
        "types": result.get("types", [])[:TYPES_SHOWN],
        "further": max(0, len(result.get("types", [])) - TYPES_SHOWN),
        "others": list(others.defer("result").order_by("-pk")[:10]) if probe.kind == Kind.SNAPSHOT else [],
    }
    return page(request, "vwed/pages/memory_probe.html", context)


def compare_view(request: HttpRequest) -> HttpResponse:
    """``?a=&b=``: two snapshots of one process. One query beside the frame's."""
    require_view(request, VIEW)
    keys = [request.GET.get(name, "") for name in ("a", "b")]
    found = Probe.objects.in_bulk([int(key) for key in keys if key.isdecimal() and len(key) < 19])
    if any(not key.isdecimal() or int(key) not in found for key in keys):
        messages.error(request, _("Choose two snapshots; those you asked for are not kept any more."))
        return HttpResponseRedirect(reverse("admin:memory"))
    try:
        comparison = compare(found[int(keys[0])], found[int(keys[1])])
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
        return HttpResponseRedirect(f"{reverse('admin:memory')}#probes")
    newest = json.loads(comparison.newer.result)
    context = {
        "title": _("Heap of %(process)s, compared") % {"process": comparison.newer.process},
        "comparison": comparison,
        "changes": comparison.changes[:TYPES_SHOWN],
        "further": max(0, len(comparison.changes) - TYPES_SHOWN),
        "sums": (sum(each.more for each in comparison.changes), sum(each.heavier for each in comparison.changes)),
        "referrers": newest.get("referrers", []),
    }
    return page(request, "vwed/pages/memory_compare.html", context)
