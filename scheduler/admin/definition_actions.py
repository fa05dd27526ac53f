"""Run, import and export of definitions. Each asks for its permission and reports every problem with its remedy."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from execution.definition import Problems
from execution.inputs import InputDeclaration, read_declarations
from execution.values import load_tagged, to_plain
from scheduler.admin.run_form import PREFIX, RunForm
from scheduler.errors import Refused
from scheduler.exporting import export
from scheduler.importing import Imported, ImportRefused, import_file
from scheduler.models import DefinitionVersion, TaskDefinition, TaskRecord
from scheduler.starting import start
from scheduler.taskfile import SIZE_LIMIT
from vwed.admin_base import page
from vwed.console.permit import require, require_view

#: Problems shown at once.
SHOWN_PROBLEMS = 100


def declared(version: DefinitionVersion) -> tuple[InputDeclaration, ...]:
    """The inputs a version declares; faulty declarations are left out, as the importer has reported them."""
    try:
        return read_declarations(json.loads(version.detail).get("inputParams"), Problems())
    except (ValueError, AttributeError):
        return ()


def run_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the form; a valid POST starts the run and goes to its page."""
    row = TaskDefinition.objects.select_related("current").filter(pk=pk).first()
    if row is None or row.current is None:
        raise Http404
    require(request, "scheduler.run_taskdefinition", action="run_task", object_type="definition", object_id=row.label)
    inputs = declared(row.current)
    form = RunForm(inputs, request.POST if request.method == "POST" else None, initial=_copied(request))
    status = 200
    if request.method == "POST":
        if form.is_valid() and (url := _submit(request, row, form)):
            return HttpResponseRedirect(url)
        status = 422
    context = {
        "title": _("Run %(label)s") % {"label": row.label},
        "definition": row,
        "form": form,
        "command": f"manage.py run_task {row.label!r}",
    }
    return page(request, "admin/scheduler/taskdefinition/run.html", context, status=status)


def _submit(request: HttpRequest, row: TaskDefinition, form: RunForm) -> str:
    """Start it; the address of its page, or empty with the refusal at the form."""
    try:
        done = start(
            definition=row,
            inputs=form.inputs,
            priority=form.cleaned_data["priority"],
            record_id=form.cleaned_data["record_id"].strip() or None,
            actor=request.user.get_username(),
            origin="page",
        )
    except Refused as refusal:
        form.add_error(None, f"{refusal.message} {refusal.remedy}")
        return ""
    if done.created:
        messages.success(request, _("Run %(id)s is submitted.") % {"id": done.record.record_id})
    else:
        messages.warning(
            request, _("A run with the id %(id)s exists already; this is it.") % {"id": done.record.record_id}
        )
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


def import_view(request: HttpRequest) -> HttpResponse:
    """Check a file (dry run) or import it; all or nothing. Problems come with their paths."""
    require(
        request, "scheduler.add_taskdefinition", action="import_definition", object_type="definition", object_id="file"
    )
    context: dict[str, Any] = {"title": _("Import task definitions"), "limit_mib": SIZE_LIMIT // 2**20}
    status = 200
    if request.method == "POST":
        outcome = _import(request)
        if outcome is None:
            return HttpResponseRedirect(reverse("admin:scheduler_taskdefinition_changelist"))
        context.update(outcome)
        status = 422 if context.get("problems") or context.get("error") else 200
    return page(request, "admin/scheduler/taskdefinition/import.html", context, status=status)


def _import(request: HttpRequest) -> dict[str, Any] | None:
    """What to show, or ``None`` when the file was imported."""
    upload = request.FILES.get("file")
    if upload is None:
        return {"error": _("Choose a .task file or a zip of them.")}
    if upload.size is None or upload.size > SIZE_LIMIT:
        limit = SIZE_LIMIT // 2**20
        return {"error": _("The file is larger than %(n)s MiB. Split it and import the parts.") % {"n": limit}}
    dry_run = request.POST.get("step") != "import"
    try:
        results = import_file(
            upload.name or "file.task",
            upload.read(),
            replace=request.POST.get("replace") == "on",
            actor=request.user.get_username(),
            origin="page",
            dry_run=dry_run,
        )
    except ImportRefused as refusal:
        return {
            "problems": refusal.problems[:SHOWN_PROBLEMS],
            "more_problems": max(0, len(refusal.problems) - SHOWN_PROBLEMS),
            "file": upload.name,
        }
    if dry_run:
        return {"preview": results, "file": upload.name}
    _report(request, results)
    return None


def _report(request: HttpRequest, results: list[Imported]) -> None:
    changed = [result for result in results if result.action != "same"]
    messages.success(
        request,
        _("%(n)s imported, %(same)s unchanged.") % {"n": len(changed), "same": len(results) - len(changed)},
    )
    for result in results:
        for warning in result.warnings[:5]:
            messages.warning(request, str(warning))


def export_view(request: HttpRequest) -> HttpResponse:
    """A ``.task`` file with the definitions named by ``label``, or with all."""
    require_view(request, "scheduler.view_taskdefinition")
    labels = request.GET.getlist("label")
    try:
        text = export(labels or None)
    except Refused as refusal:
        messages.error(request, f"{refusal.message} {refusal.remedy}")
        return HttpResponseRedirect(reverse("admin:scheduler_taskdefinition_changelist"))
    response = HttpResponse(text, content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="definitions.task"'
    return response
