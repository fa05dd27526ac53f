"""Run and export of definitions. Each asks for its permission and reports every problem with its remedy."""

from __future__ import annotations

import json
import shlex
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from execution.values import load_tagged, to_plain
from scheduler.admin.definition_page import declared
from scheduler.admin.run_form import PREFIX, RunForm
from scheduler.admin.run_memory import last_values, remember
from scheduler.commands.starting import start
from scheduler.definitions.exporting import export, export_version
from scheduler.errors import Refused
from scheduler.models import TaskDefinition, TaskRecord
from vwed.admin_base import page
from vwed.console import formats
from vwed.console.permit import require, require_view


def run_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the form; a valid POST starts the run and goes to its page."""
    row = TaskDefinition.objects.select_related("current").filter(pk=pk).first()
    if row is None or row.current is None:
        raise Http404
    require(request, "scheduler.run_taskdefinition", action="run_task", object_type="definition", object_id=row.label)
    inputs = declared(row.current)
    again = {} if request.GET.get("fresh") else _copied(request) or last_values(request, pk)
    form = RunForm(inputs, request.POST if request.method == "POST" else None, initial=again)
    status = 200
    if request.method == "POST":
        if form.is_valid() and (url := _submit(request, row, form)):
            remember(request, pk, form.remembered)
            return HttpResponseRedirect(url)
        status = 422
    context = {
        "title": _("Run %(label)s") % {"label": row.label},
        "definition": row,
        "form": form,
        "again": bool(again) and request.method != "POST",
        "copied": "copy" in request.GET,
        "command": form.command.replace("run_task", f"manage.py run_task {shlex.quote(row.label)}", 1),
    }
    return page(request, "admin/scheduler/taskdefinition/run.html", context, status=status)


def _submit(request: HttpRequest, row: TaskDefinition, form: RunForm) -> str:
    """Start it; the address of its page, or empty with the refusal at the form."""
    given = form.cleaned_data
    try:
        done = start(
            definition=row,
            inputs=form.inputs,
            priority=given["priority"],
            record_id=given["record_id"] or None,
            out_order_no=given["out_order_no"] or None,
            queue=given["queue"] or None,
            due_at=given["start_at"],
            actor=request.user.get_username(),
            origin="page",
        )
    except Refused as refusal:
        form.add_error(None, f"{refusal.message} {refusal.remedy}")
        return ""
    if done.created:
        messages.success(request, _("Run %(id)s is submitted.") % {"id": done.record.record_id})
    else:
        known = {"id": done.record.record_id, "since": formats.moment(done.record.created_at)}
        messages.warning(request, _("Run %(id)s is already there since %(since)s; nothing new was started.") % known)
    for note in done.notes:
        messages.warning(request, f"{note.message} {note.remedy}")
    return reverse("admin:scheduler_taskrecord_change", args=(done.record.pk,))


def _copied(request: HttpRequest) -> dict[str, Any]:
    """Inputs of the run named by ``?copy=``, for running it again."""
    key = request.GET.get("copy", "")
    text = TaskRecord.objects.filter(pk=int(key)).values_list("inputs", flat=True).first() if key.isdigit() else None
    if not text:
        return {}
    try:
        values = to_plain(load_tagged(json.loads(text)))
    except ValueError:
        return {}
    return {
        PREFIX + name: json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
        for name, value in (values.items() if isinstance(values, dict) else ())
    }


def export_view(request: HttpRequest) -> HttpResponse:
    """A ``.task`` file with the definitions named by ``label``, or with all."""
    require_view(request, "scheduler.view_taskdefinition")
    labels = request.GET.getlist("label")
    try:
        return _file(export(labels or None), "definitions.task")
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
        return HttpResponseRedirect(reverse("admin:scheduler_taskdefinition_changelist"))


def export_version_view(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """A ``.task`` file with one version of a definition."""
    require_view(request, "scheduler.view_taskdefinition")
    try:
        return _file(export_version(pk, number), f"definition-{pk}-v{number}.task")
    except Refused:
        raise Http404 from None


def _file(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
