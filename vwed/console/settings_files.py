"""Settings as a file: written for another installation or a backup, read in as one reviewed change."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from scheduler import clock
from scheduler.errors import Refused
from vwed.admin_base import page
from vwed.console.permit import require_view
from vwed.console.settings_door import shut, told
from vwed.console.settings_form import Sent
from vwed.console.settings_page import review
from vwed.tuning import files
from vwed.tuning.permissions import May
from vwed.tuning.review import propose


def export(request: HttpRequest) -> HttpResponse:
    """The values in force as a file. Two queries."""
    require_view(request, May.VIEW)
    document = files.export()
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    name = f"vwed-settings-{timezone.localtime(clock.now()):%Y%m%d-%H%M}-{document['version']}.json"
    answer = HttpResponse(text, content_type="application/json; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def load(request: HttpRequest) -> HttpResponse:
    """Choose a file; what it would change is reviewed and saved as the form's changes are."""
    closed = shut(request, May.CHANGE, names=_("a file"))
    if closed is not None:
        return closed
    if request.method != "POST":
        return _form(request)
    try:
        wanted = files.wanted(_text(request))
    except Refused as refused:
        return _form(request, error=told(refused))
    found = propose(wanted)
    if found.problems:
        return _form(request, problems=found.problems)
    if not found.items:
        messages.info(request, _("The file holds the values that are in force: there is nothing to change."))
        return HttpResponseRedirect(reverse("admin:settings"))
    return review(request, found, Sent(wanted, found.based_on, "", "now", ""))


def _text(request: HttpRequest) -> str:
    """The text of the chosen file.

    Raises:
        Refused: ``not_a_settings_file``.
    """
    chosen = request.FILES.get("file")
    if chosen is None or (chosen.size or 0) > files.LARGEST:
        raise files.not_one(_("Choose a file of at most 1 MB."))
    try:
        return bytes(chosen.read()).decode("utf-8")
    except UnicodeDecodeError:
        raise files.not_one(_("It is not text.")) from None


def _form(request: HttpRequest, *, error: str = "", problems: dict[str, tuple[str, ...]] | None = None) -> HttpResponse:
    context = {
        "title": _("Import settings"),
        "error": error,
        "problems": [(name, " ".join(words)) for name, words in (problems or {}).items()],
    }
    return page(request, "vwed/pages/settings_import.html", context, status=422 if error or problems else 200)
