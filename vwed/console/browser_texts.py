"""Texts for the scripts of the pages, in the active language; the scripts hold none of their own."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from scheduler.states import FACES, Status
from vwed.alerts import words
from vwed.alerts.rules import SEVERITIES
from vwed.console.memory_words import PROCESS_LOOKS, verdict_word
from vwed.console.overview import LOADS, reason_texts
from vwed.monitoring.growth import Verdict


def browser_texts() -> dict[str, Any]:
    """What ``ui/i18n.js`` reads from the page."""
    return {
        "units": {
            "ms": _("%(n)s ms"),
            "s": _("%(n)s s"),
            "m": _("%(m)s m %(s)s s"),
            "h": _("%(h)s h %(m)s m"),
            "d": _("%(d)s d %(h)s h"),
        },
        "fresh": {
            "live": _("Live"),
            "late": _("Late"),
            "reconnecting": _("Reconnecting…"),
            "polling": _("Every 5 s"),
            "offline": _("No connection"),
            "signedout": _("Signed out"),
            "back": _("Back after %(d)s"),
            "asof": _("as of %(t)s"),
        },
        "status": {str(status): str(status.label) for status in Status},
        "tones": {str(status): FACES[status].tone for status in Status},
        "reasons": reason_texts(),
        "loads": {"true": str(LOADS[True]), "false": str(LOADS[False]), "null": str(LOADS[None])},
        "inGroup": _("%(what)s in group %(group)s"),
        "idle": _("idle"),
        "processes": {state: [look.icon, look.tone, str(look.word)] for state, look in PROCESS_LOOKS.items()},
        "verdicts": {str(code): verdict_word(code) for code in Verdict},
        "limit": pgettext("chart", "limit"),
        "afterRuns": _("%(n)s runs"),
        "none": _("–"),
        "perMinute": _("%(n)s a minute"),
        "oldest": _("oldest"),
        "others": _("others"),
        "selectFirst": _("Select at least one run."),
        "alerts": {
            "titles": {code: str(each.title) for code, each in words.WORDS.items()},
            "severities": [str(words.LOOKS[code][3]) for code in SEVERITIES],
            "looks": [words.LOOKS[code][:3] for code in SEVERITIES],
            "open": _("%(n)s open"),
            "news": _("%(n)s new, %(m)s cleared since this page was loaded"),
            "cleared": _("cleared"),
            "late": _("Nobody watches: the last check was %(d)s ago."),
            "never": _("Nobody watches: no check has been made yet."),
            "checked": _("%(rules)s rules watch; last check %(d)s ago."),
        },
        "urls": {
            "alerts": reverse("admin:alerts"),
            "records": reverse("admin:scheduler_taskrecord_changelist"),
            "services": reverse("admin:services"),
            "record": reverse("admin:record_by_id", args=("-",)),
            "poll": reverse("admin:live_poll"),
            "login": reverse("admin:login"),
        },
    }
