"""What receivers are told: one text for people, one document for programs, in the installation's language."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from vwed.alerts import outbox, words
from vwed.alerts.rules import Rule
from vwed.console import formats
from vwed.models import Alert


@dataclass(frozen=True, slots=True)
class Message:
    """Subject and text of a mail, document of a webhook."""

    subject: str
    text: str
    document: dict[str, Any]

    def as_json(self, limit: int) -> bytes:
        """The document in at most ``limit`` bytes: the arguments go first, then the sentences are cut."""
        document = dict(self.document)
        body = json.dumps(document, ensure_ascii=False, default=str).encode()
        if len(body) > limit:
            document["args"] = {}
            cut = {name: value[:500] if isinstance(value, str) else value for name, value in document.items()}
            body = json.dumps({**cut, "advice": []}, default=str).encode()
        return body


def compose(kind: str, alert: Alert | None, rule: Rule | None) -> Message:
    """The message of this kind about an alert; about none it is a test."""
    with translation.override(settings.ALERT_LANGUAGE):
        where = settings.INSTALLATION or "VWED"
        if alert is None:
            return _test(where)
        said = words.sentence(alert)
        cleared = kind == outbox.CLEARED
        head = _("Over: %(text)s") if cleared else "%(text)s"
        subject = f"[{where}] {words.severity(alert.severity)}: {head % {'text': words.title(alert.rule)}}"
        since = formats.iso(alert.opened_at)
        lines = [
            head % {"text": said},
            "",
            _("Since %(time)s.") % {"time": since},
            *([] if cleared else ["", _("What to do:"), *(f"- {line}" for line in words.advice(alert.rule))]),
            *(["", f"{settings.CONSOLE_URL}/admin/alerts/"] if settings.CONSOLE_URL else []),
        ]
        return Message(_one_line(subject), "\n".join(lines), _document(kind, alert, rule, said))


def _test(where: str) -> Message:
    text = _("This is a test: alerts of %(where)s reach you here.") % {"where": where}
    document = {"version": 1, "kind": outbox.TEST, "installation": where, "sentence": text}
    return Message(_one_line(f"[{where}] {_('Test of alerts')}"), text, document)


def _document(kind: str, alert: Alert, rule: Rule | None, said: str) -> dict[str, Any]:
    return {
        "version": 1,
        "kind": kind,
        "installation": settings.INSTALLATION or "VWED",
        "alert": alert.pk,
        "rule": alert.rule,
        "severity": alert.severity,
        "object": alert.object_key,
        "title": words.title(alert.rule),
        "sentence": said,
        "advice": list(words.advice(alert.rule)),
        "value": alert.value,
        "threshold": alert.threshold,
        "unit": rule.unit if rule is not None else "",
        "args": alert.args,
        "opened_at": formats.iso(alert.opened_at),
        "cleared_at": formats.iso(alert.cleared_at),
        "url": f"{settings.CONSOLE_URL}/admin/alerts/" if settings.CONSOLE_URL else "",
    }


def _one_line(text: str) -> str:
    """A subject is one line, whatever an object is called."""
    return " ".join(text.split())[:200]
