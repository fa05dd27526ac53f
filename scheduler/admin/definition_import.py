"""Import of definitions from a page: look first, then choose. A file that was looked at travels along in the form."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from execution.errors import Problem
from scheduler.definitions.importing import ImportRefused, check_file, import_file
from scheduler.definitions.judging import Imported
from scheduler.definitions.taskfile import SIZE_LIMIT
from vwed.admin_base import page
from vwed.console.chips import Look
from vwed.console.permit import require

#: Problems shown at once, and of one definition.
SHOWN_PROBLEMS = 100
SHOWN_OF_ONE = 20
#: Definitions that are chosen one by one; of a larger file all that can be are imported.
CHOSEN_ONE_BY_ONE = 500
#: Characters of a packed file that the form takes along; a larger one is chosen again.
PACKED = 700_000

LOOKS = {
    "created": Look("add_circle", "good", gettext_lazy("new")),
    "new_version": Look("published_with_changes", "active", gettext_lazy("new version")),
    "settings": Look("tune", "active", gettext_lazy("settings change")),
    "same": Look("check", "off", gettext_lazy("unchanged")),
    "refused": Look("error", "bad", gettext_lazy("refused")),
}


def import_view(request: HttpRequest) -> HttpResponse:
    """Check a file, or import what was chosen of it; all of that or nothing. Problems come with their paths."""
    require(
        request, "scheduler.add_taskdefinition", action="import_definition", object_type="definition", object_id="file"
    )
    context: dict[str, Any] = {"title": _("Import task definitions"), "limit_mib": SIZE_LIMIT // 2**20}
    status = 200
    if request.method == "POST":
        outcome = _act(request)
        if outcome is None:
            return HttpResponseRedirect(reverse("admin:scheduler_taskdefinition_changelist"))
        context.update(outcome)
        status = 422 if context.get("problems") or context.get("error") else 200
    return page(request, "admin/scheduler/taskdefinition/import.html", context, status=status)


def _act(request: HttpRequest) -> dict[str, Any] | None:
    """What to show, or ``None`` when something was imported."""
    given = _given(request)
    if isinstance(given, str):
        return {"error": given}
    name, data = given
    replace = request.POST.get("replace") == "on"
    shown = {"file": name, "replace": replace}
    try:
        if request.POST.get("step") != "import":
            return {**shown, **_preview(check_file(name, data, replace=replace), data)}
        only = _chosen(request, name, data, replace)
        results = import_file(name, data, replace=replace, only=only, actor=request.user.get_username(), origin="page")
    except ImportRefused as refusal:
        return {**shown, **_refused(refusal.problems)}
    _report(request, results)
    return None


def _given(request: HttpRequest) -> tuple[str, bytes] | str:
    """Name and content of the file that was chosen now or looked at before, or what is wrong with it."""
    upload = request.FILES.get("file")
    if upload is not None:
        if upload.size is None or upload.size > SIZE_LIMIT:
            limit = SIZE_LIMIT // 2**20
            return _("The file is larger than %(n)s MiB. Split it and import the parts.") % {"n": limit}
        return upload.name or "file.task", upload.read()
    if request.POST.get("packed"):
        data = unpack(request.POST["packed"])
        if data is not None:
            return request.POST.get("name", "")[:190] or "file.task", data
    return _("Choose a .task file or a zip of them.")


def _chosen(request: HttpRequest, name: str, data: bytes, replace: bool) -> set[str] | None:
    """Labels that were chosen; ``None`` for all when nothing was looked at before."""
    if request.POST.get("chosen") == "possible":
        found = check_file(name, data, replace=replace)
        return {each.label for each in found if each.action != "refused"}
    return set(request.POST.getlist("choose")) if request.POST.get("chosen") else None


def pack(data: bytes) -> str:
    """A file as text for a form, or nothing when it is too large for one."""
    text = base64.b64encode(zlib.compress(data)).decode("ascii")
    return text if len(text) <= PACKED else ""


def unpack(text: str) -> bytes | None:
    """What ``pack`` packed, or ``None``: whoever sends the form may send anything."""
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), SIZE_LIMIT + 1)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return data if len(data) <= SIZE_LIMIT else None


def _preview(found: Sequence[Imported], data: bytes) -> dict[str, Any]:
    counts = Counter(each.action for each in found)
    possible = len(found) - counts["refused"]
    return {
        "preview": [(each, LOOKS[each.action], each.problems[:SHOWN_OF_ONE]) for each in found],
        "possible": possible,
        "importable": possible - counts["same"],
        "refused": counts["refused"],
        "unchanged": counts["same"],
        "one_by_one": len(found) <= CHOSEN_ONE_BY_ONE,
        "packed": pack(data) if possible else "",
        "settled": not possible or counts["same"] == possible,
    }


def _refused(problems: Sequence[Problem]) -> dict[str, Any]:
    return {"problems": problems[:SHOWN_PROBLEMS], "more_problems": max(0, len(problems) - SHOWN_PROBLEMS)}


def _report(request: HttpRequest, results: Sequence[Imported]) -> None:
    changed = [result for result in results if result.action != "same"]
    messages.success(
        request,
        _("%(n)s imported, %(same)s unchanged.") % {"n": len(changed), "same": len(results) - len(changed)},
    )
    warned = [(result.label, warning) for result in results for warning in result.warnings]
    for label, warning in warned[:5]:
        messages.warning(request, f"{label}: {warning}")
    if len(warned) > 5:
        more = ngettext("%(n)s more warning.", "%(n)s more warnings.", len(warned) - 5) % {"n": len(warned) - 5}
        messages.warning(request, f"{more} {_('They stand on the pages of the definitions, at their blocks.')}")
