"""The alerts' page: what is open, who has taken it, what has cleared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduler import clock
from scheduler.errors import Refused
from vwed.admin_base import page
from vwed.alerts import changing, present, words
from vwed.alerts.rules import BY_CODE, CRITICAL, RULES, severity_rank
from vwed.alerts.watch import CELLS
from vwed.console import formats
from vwed.console.confirm import Asked, Question, ask, show
from vwed.console.listing import Listing
from vwed.console.permit import require, require_view
from vwed.models import Alert

ACK = "vwed.ack_alert"
#: Open alerts shown at once; more are counted.
SHOWN = 100
#: Alerts named in the line on the Overview.
LINE_SHOWN = 3
_HOURS = int(changing.LONGEST_ACK.total_seconds() // 3600)


@dataclass(frozen=True, slots=True)
class Line:
    """One alert in words."""

    row: Alert
    title: str
    sentence: str
    advice: tuple[str, ...]
    icon: str
    tone: str
    shape: str
    word: str
    value: str
    threshold: str
    url: str
    over: str
    quiet: str
    looks: str


def line(row: Alert) -> Line:
    """An alert as a page shows it."""
    icon, tone, shape, word = words.LOOKS.get(row.severity, words.LOOKS["information"])
    rule = BY_CODE.get(row.rule)
    unit = rule.unit if rule is not None else ""
    plain = rule is None or rule.switch
    over = sum(bool(cell) for cell in row.cells)
    return Line(
        row=row,
        title=words.title(row.rule),
        sentence=words.sentence(row),
        advice=words.advice(row.rule),
        icon=icon,
        tone=tone,
        shape=shape,
        word=str(word),
        value="" if plain else words.amount(row.value, unit),
        threshold="" if plain else words.amount(row.threshold, unit),
        url=present.link(row),
        over=_path(row.cells, 1),
        quiet=_path(row.cells, 0),
        looks=_("over its threshold in %(n)s of the last %(of)s looks") % {"n": over, "of": len(row.cells)},
    )


def overview_line() -> Mapping[str, Any]:
    """The worst open alerts, and whether anybody watches. Two queries."""
    rows, looked = present.open_alerts(), present.last_look()
    rows.sort(key=lambda row: (severity_rank(row.severity), -row.pk))  # an acknowledged one keeps its sign
    late = present.is_late(looked)
    said = _("Nobody watches: no check has been made yet.")
    if looked is not None:
        age = formats.duration((clock.now() - looked).total_seconds())
        said = _("Nobody watches: the last check was %(d)s ago.") % {"d": age}
    return {
        "open": len(rows),
        "critical": sum(row.severity == CRITICAL for row in rows),
        "lines": [_brief(row) for row in rows[:LINE_SHOWN]],
        "late": late,
        "said": said,
    }


def _brief(row: Alert) -> Mapping[str, Any]:
    title, word = words.title(row.rule), words.severity(row.severity)
    return {"row": row, "title": title, "word": word, "since": clock.at_ms(row.opened_at)}


def _path(cells: list[Any], wanted: int) -> str:
    """The cells of one kind as the outline of an SVG; ``static/vwed/js/pages/alerts.js`` draws the same."""
    first = CELLS - len(cells)
    top, height = (0, 14) if wanted else (12, 2)
    return "".join(f"M{first + n} {top}h1v{height}h-1z" for n, cell in enumerate(cells) if int(bool(cell)) == wanted)


def alerts(request: HttpRequest) -> HttpResponse:
    """``?show=``: ``open`` (the default), ``acknowledged`` or ``cleared``. At most seven queries."""
    require_view(request, present.VIEW)
    chosen = request.GET.get("show", "")
    shown = chosen if chosen in ("acknowledged", "cleared") else "open"
    context: dict[str, Any] = {
        "title": _("Alerts"),
        "shown": shown,
        "rules": len(RULES),
        "may_ack": request.user.has_perm(ACK) and shown != "cleared",
    }
    if shown == "cleared":
        listing = Listing(request, Alert.objects.filter(cleared_at__isnull=False))
        found = present.counts()
        context |= {"listing": listing, "lines": [line(row) for row in listing.rows]}
        context |= {"n": {"open": found.open, "ack": found.acknowledged}}
    else:
        rows = present.open_alerts()
        acknowledged = [row for row in rows if row.acked_at is not None]
        wanted = acknowledged if shown == "acknowledged" else rows
        looked = present.last_look()
        context |= {"lines": [line(row) for row in wanted[:SHOWN]], "more": max(0, len(wanted) - SHOWN)}
        context |= {"n": {"open": len(rows), "ack": len(acknowledged)}}
        context |= {"looked": looked, "late": present.is_late(looked)}
    return page(request, "vwed/pages/alerts.html", context)


def acknowledge(request: HttpRequest) -> HttpResponse:
    """Take the alerts named by ``id`` (repeated) upon oneself."""
    given = request.POST if request.method == "POST" else request.GET
    pks = [int(value) for value in given.getlist("id") if value.isdigit()][: changing.SELECTION_LIMIT]
    require(request, ACK, action="ack_alert", object_type="alert", object_id=",".join(map(str, pks)))
    back = reverse("admin:alerts")
    rows = list(Alert.objects.filter(pk__in=pks, cleared_at__isnull=True).order_by("pk"))
    if not rows:
        text = _("The alert has cleared meanwhile.") if pks else _("Select at least one alert.")
        messages.warning(request, text)
        return HttpResponseRedirect(back)
    question = _question(rows, back)
    answer = ask(request, question)
    if isinstance(answer, HttpResponse):
        return answer
    hours = float(answer.values["hours"]) if answer.values["hours"] else None
    actor = request.user.get_username()
    try:
        done, left = changing.acknowledge(
            [row.pk for row in rows], note=answer.reason, hours=hours, actor=actor, origin="page"
        )
    except Refused as refusal:
        return show(request, question, error=f"{refusal.message} {refusal.remedy}".strip())
    present.forget_counts()
    text = ngettext("%(n)s alert is acknowledged.", "%(n)s alerts are acknowledged.", len(done))
    messages.success(request, text % {"n": len(done)})
    if left:
        messages.info(request, _("The others have cleared meanwhile."))
    return HttpResponseRedirect(back)


def _question(rows: list[Alert], back: str) -> Question:
    title = ngettext("Acknowledge %(n)s alert", "Acknowledge %(n)s alerts", len(rows)) % {"n": len(rows)}
    return Question(
        title=title,
        consequence=[
            gettext_lazy("No further message about it is sent. It stays shown, with your name, until it clears."),
            gettext_lazy("The reason is your note for the others: what you are doing about it."),
        ],
        objects=[words.sentence(row) for row in rows],
        verb=title,
        asked=[
            Asked(
                "hours",
                gettext_lazy("For how many hours"),
                required=False,
                kind="number",
                least=1,
                most=_HOURS,
                help=gettext_lazy("Then it is told again, if it is still open. Empty: until it clears."),
            )
        ],
        command=f"manage.py alerts ack {' '.join(str(row.pk) for row in rows[:10])} --note TEXT",
        back=back,
        fields={"id": [str(row.pk) for row in rows]},
    )
