"""The Settings page: every tunable, a form for several at once, and the review before anything is changed."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from scheduler import clock
from scheduler.audit import REASON_LIMIT
from scheduler.errors import Refused
from vwed.admin_base import page
from vwed.console import settings_form as form
from vwed.console.permit import require_view
from vwed.console.settings_door import shut, told
from vwed.console.settings_form import Sent
from vwed.console.settings_words import EFFECTS, STATES, moves, projected
from vwed.models import ChangeSet, ChangeState
from vwed.tuning import changes, stored, times
from vwed.tuning.parameter import TakesEffect
from vwed.tuning.permissions import May
from vwed.tuning.review import Review, propose
from vwed.tuning.units import unit_word

#: Changes of others, and scheduled ones, that are shown.
SHOWN = 10
#: A change at a time, in the form.
NOW, TONIGHT, AT = "now", "tonight", "at"


def settings(request: HttpRequest) -> HttpResponse:
    """``/admin/settings/``: the form; a POST with ``step`` reviews it, goes back to it, or saves. At most 9 queries."""
    if request.method != "POST":
        require_view(request, May.VIEW)
        return _edit(request, propose({}))
    sent = form.read(request)
    closed = shut(request, May.CHANGE, names=", ".join(sent.wanted)[:200], reason=sent.reason[:REASON_LIMIT])
    if closed is not None:
        return closed
    step = request.POST.get("step", "")
    if step == "save":
        return _save(request, sent)
    found = propose(sent.wanted, based_on=sent.based_on)
    if step == "edit" or found.problems:
        return _edit(request, found, sent, status=422 if found.problems else 200)
    if not found.items:
        messages.info(request, _("Nothing was edited: these values are in force already."))
        return HttpResponseRedirect(reverse("admin:settings"))
    return review(request, found, sent)


def _edit(request: HttpRequest, found: Review, sent: Sent | None = None, *, status: int = 200) -> HttpResponse:
    """The form, with what was typed and what is wrong with it."""
    groups = form.groups(sent.wanted if sent else {}, found.problems)
    scheduled = ChangeSet.objects.filter(state=ChangeState.SCHEDULED).order_by("effective_at", "pk")[:SHOWN]
    context = {
        "title": _("Settings"),
        "groups": groups,
        # What was typed stands beside the present values now: whoever saves it has seen them.
        "based_on": stored.version(),
        "may_change": request.user.has_perm(May.CHANGE),
        "projection": projected(found.projection),
        "problems": list(found.problems),
        "edited": sum(row.edited for group in groups for row in group.rows),
        "changed": sum(row.source is stored.Source.CHANGE for group in groups for row in group.rows),
        "scheduled": [(row, moves(row)) for row in scheduled],
        "zone": times.zone().key,
    }
    return page(request, "vwed/pages/settings.html", context, status=status)


def review(
    request: HttpRequest,
    found: Review,
    sent: Sent,
    *,
    refused: Refused | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page before anything is changed: difference, cost, when, why; what others did meanwhile."""
    newest = stored.version()
    theirs = changes.since(found.based_on)[:SHOWN] if found.based_on != newest else []
    code = refused.code if refused is not None else ""
    context = {
        "title": _("Review of a change of settings"),
        "items": [
            {
                "item": item,
                "unit": unit_word(item.parameter.unit),
                "effect": EFFECTS[item.parameter.effect],
                "raw": "" if item.to_first else item.after_text,
            }
            for item in found.items
        ],
        "projection": projected(found.projection),
        "exceeded": [line for line in found.projection if line.exceeded and line.changed],
        "effects": [effect.words for effect in found.effects],
        "replace": TakesEffect.CLUSTER in found.effects,
        "theirs": [(row, moves(row), STATES[row.state]) for row in theirs],
        "based_on": newest,
        "sent": sent,
        "reason_error": told(refused) if refused is not None and code == "reason_missing" else "",
        "time_error": told(refused) if refused is not None and code == "wrong_time" else "",
        "error": told(refused) if refused and code not in ("reason_missing", "wrong_time", "changed_meanwhile") else "",
        "may_schedule": request.user.has_perm(May.SCHEDULE),
        "tonight": times.tonight(clock.now()),
        "zone": times.zone().key,
        "reason_limit": changes.REASON_MAX,
        "command": _command(found),
    }
    return page(request, "vwed/pages/settings_review.html", context, status=409 if theirs else status)


def _command(found: Review) -> str:
    pairs = " ".join(f"{item.parameter.name}={'' if item.to_first else item.after_text}" for item in found.items[:6])
    more = " …" if len(found.items) > 6 else ""
    return f"manage.py tune change {pairs}{more} --reason TEXT"


def _save(request: HttpRequest, sent: Sent) -> HttpResponse:
    try:
        effective_at = _moment(sent)
    except Refused as refused:
        return review(request, propose(sent.wanted, based_on=sent.based_on), sent, refused=refused, status=422)
    if effective_at is not None:
        closed = shut(request, May.SCHEDULE, names=", ".join(sent.wanted)[:200], reason=sent.reason[:REASON_LIMIT])
        if closed is not None:
            return closed
    try:
        row = changes.commit(
            sent.wanted,
            reason=sent.reason,
            author=request.user.get_username(),
            origin="page",
            based_on=sent.based_on,
            effective_at=effective_at,
        )
    except changes.ChangedMeanwhile as refused:
        # Told from what the person had seen, so that both differences are there; sent again, it is based on the newest.
        return review(request, propose(sent.wanted, based_on=sent.based_on), sent, refused=refused, status=409)
    except changes.NotAllowed:
        return _edit(request, propose(sent.wanted), sent, status=422)
    except Refused as refused:
        if refused.code == "nothing_changed":
            messages.info(request, refused.message)
            return HttpResponseRedirect(reverse("admin:settings"))
        return review(request, propose(sent.wanted, based_on=sent.based_on), sent, refused=refused, status=422)
    said = (
        _("Change %(n)d is scheduled; until then it can be cancelled.")
        if effective_at is not None
        else _("Change %(n)d is in force; below you see which processes have it.")
    )
    messages.success(request, said % {"n": row.pk})
    return HttpResponseRedirect(reverse("admin:settings_change", args=(row.pk,)))


def _moment(sent: Sent) -> datetime | None:
    """When the change is wanted.

    Raises:
        Refused: ``wrong_time``.
    """
    text = {NOW: NOW, TONIGHT: TONIGHT}.get(sent.when, sent.at or "?")
    return times.parse(text, clock.now())


@require_POST
def projection(request: HttpRequest) -> HttpResponse:
    """What the form as it stands would cost, and what is wrong at which field; changes nothing. At most 7 queries."""
    require_view(request, May.CHANGE)
    sent = form.read(request)
    found = propose(sent.wanted)
    context = {"projection": projected(found.projection), "problems": list(found.problems)}
    edited = len({*(item.parameter.name for item in found.items), *(found.problems.keys() & sent.wanted.keys())})
    return JsonResponse(
        {
            "html": render_to_string("vwed/_projection.html", context, request),
            "problems": {name: " ".join(words) for name, words in found.problems.items()},
            "edited": edited,
            "button": ngettext("Review %(n)d change…", "Review %(n)d changes…", edited) % {"n": edited},
        }
    )
