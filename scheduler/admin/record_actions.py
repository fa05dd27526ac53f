"""Actions on runs. Each asks first, checks the right, and leaves the audit entry to the command it calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduler.admin.record_decisions import DECISIONS, skip_action
from scheduler.admin.record_verbs import Action, Offer, Outcome, Rows, WrongValues, command, ids
from scheduler.commands import cancel, pausing
from scheduler.commands import priority as priorities
from scheduler.errors import Refused
from scheduler.models import FleetOrder, RunState, TaskRecord
from scheduler.states import ACTIVE, Status
from storage.models import StorageLocation
from vwed.console.confirm import Answer, Asked, Question, ask, show
from vwed.console.permit import require

#: Runs of one action from a page of the list.
SELECTION_LIMIT = 50
#: What the forms offer; a task may set others.
PRIORITIES = (0, 100)
_COLUMNS = ("record_id", "label", "status", "priority", "failed_block", "definition_id", "version__number")


def act(request: HttpRequest, verb: str) -> HttpResponse:
    """Do ``verb`` to the runs named by ``id`` (primary keys, repeated)."""
    given = request.POST if request.method == "POST" else request.GET
    action = skip_action(given.get("block", "")[:190]) if verb == "skip" else ACTIONS.get(verb)
    if action is None:
        raise Http404
    keys = [value for value in given.getlist("id") if value.isdigit()]
    found = TaskRecord.objects.filter(pk__in=keys[:SELECTION_LIMIT]).select_related("version").only(*_COLUMNS)
    rows = list(found.order_by("-pk"))
    require(request, action.permission, action=verb, object_type="record", object_id=",".join(ids(rows))[:190])
    back = _back(rows)
    fitting = [row for row in rows if row.status in action.fits][: None if action.many else 1]
    if not fitting:
        text = (
            _("Select at least one run.") if not rows else _("Nothing was changed: no selected run is in such a state.")
        )
        messages.warning(request, text)
        return HttpResponseRedirect(back)
    try:
        return _asked(request, action, rows, fitting, back)
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
        return HttpResponseRedirect(back)


def _asked(request: HttpRequest, action: Action, rows: Rows, fitting: Rows, back: str) -> HttpResponse:
    question = action.question(fitting)
    question.back, question.fields = back, {"id": [str(row.pk) for row in rows], **question.fields}
    question.objects = [f"{row.record_id} · {row.label}" for row in fitting]
    answer = ask(request, question)
    if isinstance(answer, HttpResponse):
        return answer
    try:
        _do(request, action, rows if action.many else fitting, answer)
    except WrongValues as wrong:
        for item in question.asked:
            item.error = wrong.fields.get(item.name, "")
        return show(request, question, error="" if any(item.error for item in question.asked) else str(wrong))
    return HttpResponseRedirect(back)


def _do(request: HttpRequest, action: Action, rows: Rows, answer: Answer) -> None:
    outcome = action.run(rows, request.user.get_username(), answer)
    if outcome.done:
        messages.success(request, action.done(outcome.done))
    if outcome.asked:
        messages.success(request, action.asked(outcome.asked))
    for why in outcome.why[:5]:
        messages.warning(request, why)
    if outcome.left and not outcome.why:
        text = ngettext("%(n)s run was left as it is.", "%(n)s runs were left as they are.", outcome.left)
        messages.info(request, text % {"n": outcome.left})


def _back(rows: Rows) -> str:
    if len(rows) == 1:
        return reverse("admin:scheduler_taskrecord_change", args=(rows[0].pk,))
    return reverse("admin:scheduler_taskrecord_changelist")


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
        command=command("cancel_task", rows),
    )


def _cancel(rows: Rows, actor: str, answer: Answer) -> Outcome:
    result = cancel.cancel(ids(rows), actor=actor, reason=answer.reason, origin="page", release_sites=answer.option)
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


def _pause(rows: Rows, actor: str, answer: Answer) -> Outcome:
    result = pausing.pause(ids(rows), actor=actor, reason=answer.reason, origin="page")
    return Outcome(len(result.done), len(result.requested), len(result.refused))


def _paused(n: int) -> str:
    return ngettext("%(n)s run is paused.", "%(n)s runs are paused.", n) % {"n": n}


def _pausing(n: int) -> str:
    return ngettext("%(n)s run is being paused.", "%(n)s runs are being paused.", n) % {"n": n}


def _ask_resume(rows: Rows) -> Question:
    title = ngettext("Resume %(n)s run", "Resume %(n)s runs", len(rows)) % {"n": len(rows)}
    return Question(title=title, consequence=[_("Each goes on where it stopped, when a worker is free.")], verb=title)


def _resume(rows: Rows, actor: str, answer: Answer) -> Outcome:
    result = pausing.resume(ids(rows), actor=actor, reason=answer.reason, origin="page")
    return Outcome(len(result.done), len(result.requested), len(result.refused))


def _resumed(n: int) -> str:
    return ngettext("%(n)s run goes on.", "%(n)s runs go on.", n) % {"n": n}


# --- Priority --------------------------------------------------------------------------------------------------------


def _ask_priority(rows: Rows) -> Question:
    title = ngettext("Priority of %(n)s run", "Priority of %(n)s runs", len(rows)) % {"n": len(rows)}
    least, most = PRIORITIES
    now = {row.priority for row in rows}
    asked = Asked(
        "priority",
        _("Priority"),
        help=_("%(least)s to %(most)s; higher first") % {"least": least, "most": most},
        kind="number",
        least=least,
        most=most,
        value=str(now.pop()) if len(now) == 1 else "",
    )
    text = _(
        "The order inside the queue and for location grants changes at once. Orders that the fleet has keep theirs."
    )
    return Question(
        title=title,
        consequence=[text],
        verb=_("Set the priority"),
        asked=[asked],
        command=command("set_priority", rows, "--priority …"),
    )


def _prioritise(rows: Rows, actor: str, answer: Answer) -> Outcome:
    value = int(answer.values["priority"])
    result = priorities.set_priority(ids(rows), value, actor=actor, reason=answer.reason, origin="page")
    return Outcome(len(result.done), left=len(result.same) + len(result.ended))


def _prioritised(n: int) -> str:
    return ngettext("%(n)s run has the new priority.", "%(n)s runs have the new priority.", n) % {"n": n}


ACTIONS: Mapping[str, Action] = {
    "pause": Action(ACTIVE - {Status.PAUSED, Status.INTERRUPTED}, _ask_pause, _pause, _paused, _pausing),
    "resume": Action(frozenset({Status.PAUSED}), _ask_resume, _resume, _resumed, _resumed),
    "priority": Action(ACTIVE, _ask_priority, _prioritise, _prioritised, _prioritised),
    "cancel": Action(ACTIVE, _ask_cancel, _cancel, _cancelled, _cancelling),
    **DECISIONS,
}


def offered(user: Any, record: TaskRecord) -> dict[str, Offer]:
    """What a person may do to a run in its state, by verb; with the reason where it cannot be done all the same."""
    known = {**ACTIONS, "skip": skip_action("")}
    found = {
        verb: Offer(verb)
        for verb, action in known.items()
        if record.status in action.fits and user.has_perm(action.permission)
    }
    if record.status == Status.FAILED and not RunState.objects.filter(pk=record.pk).exists():
        gone = _("Nothing of it is kept any more; start it again from the beginning.")
        found |= {verb: Offer(verb, gone) for verb in ("continue", "skip") if verb in found}
    elif "skip" in found and not record.failed_block:
        found["skip"] = Offer("skip", _("It did not stop at a block."))
    return found
