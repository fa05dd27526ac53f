"""Actions on runs. Each asks first, checks the right, and leaves the audit entry to the command it calls."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduler.cancel import cancel as cancel_runs
from scheduler.errors import Refused
from scheduler.models import FleetOrder, TaskRecord
from scheduler.states import ACTIVE
from storage.models import Location
from vwed.console.confirm import Question, ask
from vwed.console.permit import require

#: Runs of one action from a page of the list.
SELECTION_LIMIT = 50


def cancel(request: HttpRequest) -> HttpResponse:
    """Cancel the runs named by ``id`` (primary keys, repeated)."""
    keys = [value for value in request.POST.getlist("id") or request.GET.getlist("id") if value.isdigit()]
    rows = list(
        TaskRecord.objects.filter(pk__in=keys[:SELECTION_LIMIT]).only("record_id", "label", "status").order_by("-pk")
    )
    require(
        request,
        "scheduler.operate_taskrecord",
        action="cancel",
        object_type="record",
        object_id=",".join(row.record_id for row in rows)[:190],
    )
    back = _back(rows)
    active = [row for row in rows if row.status in ACTIVE]
    if not active:
        text = _("Select at least one run.") if not rows else _("These runs have ended already; nothing was changed.")
        messages.warning(request, text)
        return HttpResponseRedirect(back)
    answer = ask(request, _question(active, back))
    if isinstance(answer, HttpResponse):
        return answer
    return _cancel(request, active, answer.reason, release=answer.option, back=back)


def _cancel(request: HttpRequest, rows: Sequence[TaskRecord], reason: str, *, release: bool, back: str) -> HttpResponse:
    try:
        result = cancel_runs(
            [row.record_id for row in rows],
            actor=request.user.get_username(),
            reason=reason,
            origin="page",
            release_sites=release,
        )
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
        return HttpResponseRedirect(back)
    done = len(result.cancelled) + len(result.requested)
    if done:
        messages.success(
            request,
            ngettext("%(n)s run is being cancelled.", "%(n)s runs are being cancelled.", done) % {"n": done},
        )
    if result.ended:
        over = len(result.ended)
        messages.info(
            request,
            ngettext("%(n)s had ended already.", "%(n)s had ended already.", over) % {"n": over},
        )
    return HttpResponseRedirect(back)


def _question(rows: Sequence[TaskRecord], back: str) -> Question:
    ids = [row.record_id for row in rows]
    orders = FleetOrder.objects.filter(record__in=rows, closed=False).count()
    locks = Location.objects.filter(locked_by__in=ids).count()
    consequence = [
        _("Running blocks stop within 2 s; waiting and queued runs end at once."),
        ngettext(
            "%(n)s robot order is terminated; robots stay in service.",
            "%(n)s robot orders are terminated; robots stay in service.",
            orders,
        )
        % {"n": orders},
    ]
    if locks:
        consequence.append(
            ngettext("%(n)s location stays locked.", "%(n)s locations stay locked.", locks) % {"n": locks}
        )
    return Question(
        title=ngettext("Cancel %(n)s run", "Cancel %(n)s runs", len(rows)) % {"n": len(rows)},
        consequence=consequence,
        verb=ngettext("Cancel %(n)s run", "Cancel %(n)s runs", len(rows)) % {"n": len(rows)},
        objects=[f"{row.record_id} · {row.label}" for row in rows],
        danger=True,
        reason_required=True,
        option=("release", _("Release these locations too")) if locks else None,
        command=f"manage.py cancel_task {' '.join(ids[:3])}{' …' if len(ids) > 3 else ''}",
        back=back,
        fields={"id": [str(row.pk) for row in rows]},
    )


def _back(rows: Sequence[TaskRecord]) -> str:
    if len(rows) == 1:
        return reverse("admin:scheduler_taskrecord_change", args=(rows[0].pk,))
    return reverse("admin:scheduler_taskrecord_changelist")
