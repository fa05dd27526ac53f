"""Confirmation: every changing action shows how many, what happens and what does not, and asks for a reason.

GET shows it (as a page, or as the content of a dialog for our script); POST does it. Nothing changes on GET.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from scheduler.audit import REASON_LIMIT

#: Objects that are named; more are counted.
NAMED = 10
_SHORTEST_REASON = 3

Text = str | Promise


@dataclass
class Question:
    """What a dialog says. ``verb`` stands on the button, never "OK"."""

    title: Text
    consequence: Sequence[Text]
    verb: Text
    objects: Sequence[str] = ()
    danger: bool = False
    reason_required: bool = False
    option: tuple[str, Text] | None = None
    command: str = ""
    back: str = ""
    fields: dict[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person said."""

    reason: str
    option: bool


def ask(request: HttpRequest, question: Question) -> Answer | HttpResponse:
    """Return the answer to a valid POST, else the response that shows the question."""
    error = ""
    reason = request.POST.get("reason", "").strip()
    if request.method == "POST":
        if question.reason_required and len(reason) < _SHORTEST_REASON:
            error = _("Give a reason of at least %(n)s characters.") % {"n": _SHORTEST_REASON}
        elif len(reason) > REASON_LIMIT:
            error = _("The reason has more than %(n)s characters.") % {"n": REASON_LIMIT}
        else:
            chosen = question.option is not None and request.POST.get(question.option[0]) == "on"
            return Answer(reason, chosen)
    fragment = request.headers.get("X-Vwed-Dialog") == "1"
    context = {
        **({} if fragment else admin.site.each_context(request)),
        "title": question.title,
        "question": question,
        "named": list(question.objects)[:NAMED],
        "more": max(0, len(question.objects) - NAMED),
        "error": error,
        "reason": reason,
        "reason_limit": REASON_LIMIT,
        "action": request.get_full_path(),
    }
    template = "vwed/confirm_form.html" if fragment else "vwed/confirm.html"
    return TemplateResponse(request, template, context, status=200 if request.method == "GET" else 422)
