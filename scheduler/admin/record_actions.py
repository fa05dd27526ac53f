"""Actions on runs. Each asks first, checks the right, and leaves the audit entry to the command it calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduler import cancel, pausing
from scheduler.errors import Refused
from scheduler.models import FleetOrder, TaskRecord
from scheduler.states import ACTIVE, Status
from storage.models import StorageLocation
from vwed.console.confirm import Answer, Question, ask
from vwed.console.permit import require

#: Runs of one action from a page of the list.
SELECTION_LIMIT = 50

Rows = Sequence[TaskRecord]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many runs were done, how many were asked to (a worker has them), and how many not."""

    done: int
    asked: int
    left: int


@dataclass(frozen=True, slots=True)
class Action:
    """Which runs it fits, what it asks, what it does, what it says afterwards."""

    fits: frozenset[Status]
    question: Callable[[Rows], Question]
    run: Callable[[list[str], str, Answer], Outcome]
    done: Callable[[int], str]
    asked: Callable[[int], str]


def act(request: HttpRequest, verb: str) -> HttpResponse:
    """Do ``verb`` (cancel, pause, resume) to the runs named by ``id`` (primary keys, repeated)."""
    action = ACTIONS.get(verb)
    if action is None:
        raise Http404
    keys = [value for value in request.POST.getlist("id") or request.GET.getlist("id") if value.isdigit()]
    found = TaskRecord.objects.filter(pk__in=keys[:SELECTION_LIMIT]).only("record_id", "label", "status")
    rows = list(found.order_by("-pk"))
    ids = ",".join(row.record_id for row in rows)
    require(request, "scheduler.operate_taskrecord", action=verb, object_type="record", object_id=ids[:190])
    back = _back(rows)
    fitting = [row for row in rows if row.status in action.fits]
    if not fitting:
        text = (
            _("Select at least one run.") if not rows else _("Nothing was changed: no selected run is in such a state.")
        )
        messages.warning(request, text)
        return HttpResponseRedirect(back)
    question = action.question(fitting)
    question.back, question.fields = back, {"id": [str(row.pk) for row in rows]}
    question.objects = [f"{row.record_id} · {row.label}" for row in fitting]
    answer = ask(request, question)
    if isinstance(answer, HttpResponse):
        return answer
    _do(request, action, [row.record_id for row in rows], answer)
    return HttpResponseRedirect(back)


def _do(request: HttpRequest, action: Action, record_ids: list[str], answer: Answer) -> None:
    try:
        outcome = action.run(record_ids, request.user.get_username(), answer)
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
        return
    if outcome.done:
        messages.success(request, action.done(outcome.done))
    if outcome.asked:
        messages.success(request, action.asked(outcome.asked))
    if outcome.left:
        text = ngettext("%(n)s run was left as it is.", "%(n)s runs were left as they are.", outcome.left)
        messages.info(request, text % {"n": outcome.left})


def _back(rows: Rows) -> str:
    if len(rows) == 1:
        return reverse("admin:scheduler_taskrecord_change", args=(rows[0].pk,))
    return reverse("admin:scheduler_taskrecord_changelist")


def _command(name: str, rows: Rows) -> str:
    ids = [row.record_id for row in rows]
    return f'manage.py {name} {" ".join(ids[:3])}{" …" if len(ids) > 3 else ""} --reason "…"'


# --- Cancel ----------------------------------------------------------------------------------------------------------


def _ask_cancel(rows: Rows) -> Question:
    orders = FleetOrder.objects.filter(record__in=rows, closed=False).count()
    locks = StorageLocation.objects.filter(locked_by__in=[row.record_id for row in rows]).count()
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
        text = ngettext("%(n)s location stays locked.", "%(n)s locations stay locked.", locks)
        consequence.append(text % {"n": locks})
    title = ngettext("Cancel %(n)s run", "Cancel %(n)s runs", len(rows)) % {"n": len(rows)}
    return Question(
        title=title,
        consequence=consequence,
        verb=title,
        danger=True,
        reason_required=True,
        option=("release", _("Release these locations too")) if locks else None,
        command=_command("cancel_task", rows),
    )


def _cancel(record_ids: list[str], actor: str, answer: Answer) -> Outcome:
    result = cancel.cancel(record_ids, actor=actor, reason=answer.reason, origin="page", release_sites=answer.option)
    return Outcome(len(result.cancelled), len(result.requested), len(result.ended))


def _cancelled(n: int) -> str:
    return ngettext("%(n)s run is cancelled.", "%(n)s runs are cancelled.", n) % {"n": n}


def _cancelling(n: int) -> str:
    return ngettext("%(n)s run is being cancelled.", "%(n)s runs are being cancelled.", n) % {"n": n}


# --- Pause and resume ------------------------------------------------------------------------------------------------


def _ask_pause(rows: Rows) -> Question:
    title = ngettext("Pause %(n)s run", "Pause %(n)s runs", len(rows)) % {"n": len(rows)}
    text = _("Each stops before its next block; a robot finishes its present action. Kept across restarts.")
    return Question(title=title, consequence=[text], verb=title)


def _pause(record_ids: list[str], actor: str, answer: Answer) -> Outcome:
    result = pausing.pause(record_ids, actor=actor, reason=answer.reason, origin="page")
    return Outcome(len(result.done), len(result.requested), len(result.refused))


def _paused(n: int) -> str:
    return ngettext("%(n)s run is paused.", "%(n)s runs are paused.", n) % {"n": n}


def _pausing(n: int) -> str:
    return ngettext("%(n)s run is being paused.", "%(n)s runs are being paused.", n) % {"n": n}


def _ask_resume(rows: Rows) -> Question:
    title = ngettext("Resume %(n)s run", "Resume %(n)s runs", len(rows)) % {"n": len(rows)}
    return Question(title=title, consequence=[_("Each goes on where it stopped, when a worker is free.")], verb=title)


def _resume(record_ids: list[str], actor: str, answer: Answer) -> Outcome:
    result = pausing.resume(record_ids, actor=actor, reason=answer.reason, origin="page")
    return Outcome(len(result.done), len(result.requested), len(result.refused))


def _resumed(n: int) -> str:
    return ngettext("%(n)s run goes on.", "%(n)s runs go on.", n) % {"n": n}


ACTIONS: Mapping[str, Action] = {
    "cancel": Action(ACTIVE, _ask_cancel, _cancel, _cancelled, _cancelling),
    "pause": Action(ACTIVE - {Status.PAUSED, Status.INTERRUPTED}, _ask_pause, _pause, _paused, _pausing),
    "resume": Action(frozenset({Status.PAUSED}), _ask_resume, _resume, _resumed, _resumed),
}


def offered(status: Status) -> list[str]:
    """The verbs that fit a run in this state."""
    return [verb for verb, action in ACTIONS.items() if status in action.fits]
