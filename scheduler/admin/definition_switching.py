"""Switching a definition: on or off, its periodic start, one start at once. Each asks for its permission."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from scheduler.admin import definition_page
from scheduler.admin.definition_periodic import PeriodicForm
from scheduler.definitions import switching
from scheduler.errors import Refused
from scheduler.models import TaskDefinition
from vwed.console.confirm import Answer, Question, ask
from vwed.console.permit import require


def change_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the form; a wrong number is shown at its field."""
    row = definition_page.find(pk)
    _require(request, row, "scheduler.change_taskdefinition", "change_periodic")
    if request.method != "POST":
        return HttpResponseRedirect(_tab(pk))
    form = PeriodicForm(request.POST)
    if not form.is_valid():
        return definition_page.render(request, row, tab="periodic", form=form, status=422)
    given = form.cleaned_data
    switching.set_periodic(
        pk,
        on=given["on"],
        period_ms=given["period_ms"],
        delay_ms=given["delay_ms"],
        actor=request.user.get_username(),
        origin="page",
    )
    messages.success(request, _("The periodic start is changed."))
    return HttpResponseRedirect(_tab(pk))


def start_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Start one periodic run beside the schedule."""
    row = definition_page.find(pk)
    _require(request, row, "scheduler.run_taskdefinition", "run_task")
    text = _("One periodic run with the default inputs starts at once. The schedule stays as it is.")
    question = Question(
        title=_("Start %(label)s now") % {"label": row.label}, consequence=[text], verb=_("Start now"), back=_tab(pk)
    )

    def start(_answer: Answer) -> str:
        done = switching.start_now(pk, actor=request.user.get_username(), origin="page")
        return _("Run %(id)s is submitted.") % {"id": done.record.record_id}

    return _asked(request, question, start)


def switch_view(request: HttpRequest, pk: int, enabled: bool) -> HttpResponse:
    """Let a definition be started, or not."""
    row = definition_page.find(pk)
    action = "enable_definition" if enabled else "disable_definition"
    _require(request, row, "scheduler.change_taskdefinition", action)
    back = reverse("admin:scheduler_taskdefinition_change", args=(pk,))
    if enabled:
        question = Question(
            title=_("Enable %(label)s") % {"label": row.label},
            consequence=[_("It can be started again; its periodic start begins after its delay.")],
            verb=_("Enable"),
            back=back,
        )
    else:
        question = Question(
            title=_("Disable %(label)s") % {"label": row.label},
            consequence=[
                _("Nobody can start it, and it does not start periodically. Runs that exist go on."),
                _("Tasks that call it as a sub-task fail at that block."),
            ],
            verb=_("Disable"),
            danger=True,
            reason_required=True,
            back=back,
        )

    def switch(answer: Answer) -> str:
        who = request.user.get_username()
        switching.set_enabled(pk, enabled, actor=who, origin="page", reason=answer.reason)
        return _("It is enabled.") if enabled else _("It is disabled.")

    return _asked(request, question, switch)


def _asked(request: HttpRequest, question: Question, act: Callable[[Answer], str]) -> HttpResponse:
    answer = ask(request, question)
    if isinstance(answer, HttpResponse):
        return answer
    try:
        messages.success(request, act(answer))
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
    return HttpResponseRedirect(question.back)


def _require(request: HttpRequest, row: TaskDefinition, permission: str, action: str) -> None:
    require(request, permission, action=action, object_type="definition", object_id=row.label)


def _tab(pk: int) -> str:
    return f"{reverse('admin:scheduler_taskdefinition_change', args=(pk,))}?tab=periodic"
