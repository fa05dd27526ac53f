"""Confirmation: every changing action shows how many, what happens and what does not, and asks for a reason.

GET shows it (as a page, or as the content of a dialog for our script); POST does it. Nothing changes on GET.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from scheduler.audit import REASON_LIMIT

#: Objects that are named; more are counted.
NAMED = 10
#: Characters of one value that is asked for.
VALUE_LIMIT = 100_000
_SHORTEST_REASON = 3

Text = str | Promise


@dataclass
class Asked:
    """A value that a dialog asks for beside the reason. ``kind``: of the input element, ``text`` or ``number``."""

    name: str
    label: Text
    required: bool = True
    help: Text = ""
    kind: str = "text"
    least: int | None = None
    most: int | None = None
    value: str = ""
    error: Text = ""


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
    asked: Sequence[Asked] = ()
    command: str = ""
    back: str = ""
    fields: dict[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the person said; ``values`` by the names that were asked."""

    reason: str
    option: bool
    values: Mapping[str, str] = field(default_factory=dict)


def ask(request: HttpRequest, question: Question) -> Answer | HttpResponse:
    """Return the answer to a valid POST, else the response that shows the question."""
    if request.method != "POST":
        return show(request, question)
    reason = request.POST.get("reason", "").strip()
    error = ""
    if question.reason_required and len(reason) < _SHORTEST_REASON:
        error = _("Give a reason of at least %(n)s characters.") % {"n": _SHORTEST_REASON}
    elif len(reason) > REASON_LIMIT:
        error = _("The reason has more than %(n)s characters.") % {"n": REASON_LIMIT}
    for item in question.asked:
        item.value = request.POST.get(item.name, "").strip()
        item.error = _fault(item)
    if error or any(item.error for item in question.asked):
        return show(request, question, error=error)
    chosen = question.option is not None and request.POST.get(question.option[0]) == "on"
    return Answer(reason, chosen, {item.name: item.value for item in question.asked})


def show(request: HttpRequest, question: Question, *, error: Text = "") -> HttpResponse:
    """The response that shows the question, with what was said before and what is wrong with it."""
    fragment = request.headers.get("X-Vwed-Dialog") == "1"
    context = {
        **({} if fragment else admin.site.each_context(request)),
        "title": question.title,
        "question": question,
        "named": list(question.objects)[:NAMED],
        "more": max(0, len(question.objects) - NAMED),
        "error": error,
        "reason": request.POST.get("reason", "").strip(),
        "reason_limit": REASON_LIMIT,
        "value_limit": VALUE_LIMIT,
        "action": request.get_full_path(),
    }
    template = "vwed/confirm_form.html" if fragment else "vwed/confirm.html"
    return TemplateResponse(request, template, context, status=200 if request.method == "GET" else 422)


def _fault(item: Asked) -> Text:
    """What is wrong with a value as it stands; empty for nothing."""
    if not item.value:
        return _("Give its value.") if item.required else ""
    if len(item.value) > VALUE_LIMIT:
        return _("The value has more than %(n)s characters.") % {"n": VALUE_LIMIT}
    if item.kind != "number":
        return ""
    try:
        number = int(item.value)
    except ValueError:
        return _("Give a whole number.")
    if (item.least is not None and number < item.least) or (item.most is not None and number > item.most):
        return _("Give a number from %(least)s to %(most)s.") % {"least": item.least, "most": item.most}
    return ""
