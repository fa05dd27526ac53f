"""What people do with alerts and rules: acknowledge, change, test. Each leaves its audit entry."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from scheduler import audit, clock
from scheduler.errors import Refused
from vwed.alerts import outbox, rules
from vwed.alerts.rules import EVERY_RULE, LONGEST_HOLD_S, Rule
from vwed.models import Alert, AlertDelivery, AlertRule

NOTE_LIMIT = 200
#: Alerts that one acknowledgement takes at most, and how far ahead it may reach.
SELECTION_LIMIT = 50
LONGEST_ACK = timedelta(days=30)
_OBJECT, _RULE = "alert", "alert_rule"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a rule should be from now on; ``None`` goes back to its declaration. ``receivers``: one a line."""

    enabled: bool = True
    threshold: float | None = None
    hold_s: float | None = None
    clear_margin: float | None = None
    severity: str = ""
    receivers: str = ""


def acknowledge(
    pks: Collection[int], *, note: str, hours: float | None, actor: str, origin: str
) -> tuple[list[Alert], int]:
    """Take these open alerts upon oneself, until they clear or for some hours; those, and how many were not open.

    They stay shown; no further messages about them are sent. An earlier acknowledgement is replaced.

    Raises:
        Refused: ``nothing_selected``, ``note_too_long`` or ``bad_time``; nothing was changed.
    """
    if not pks:
        raise Refused("nothing_selected", _("No alert is named."), _("Name at least one."))
    note = note.strip()
    if len(note) > NOTE_LIMIT:
        raise Refused("note_too_long", _("The note has more than %(n)s characters.") % {"n": NOTE_LIMIT})
    now = clock.now()
    until = _until(now, hours)
    done = []
    with transaction.atomic():
        rows = {row.pk: row for row in Alert.objects.filter(pk__in=list(pks)[:SELECTION_LIMIT])}
        for pk, row in sorted(rows.items()):
            still = Alert.objects.filter(pk=pk, cleared_at__isnull=True)
            if still.update(acked_by=actor[:150], acked_at=now, acked_until=until, ack_note=note):
                done.append(row)
                audit.record(
                    actor=actor,
                    action="ack_alert",
                    object_type=_OBJECT,
                    object_id=f"{row.rule} {row.object_key}".strip(),
                    before={"acked_by": row.acked_by} if row.acked_by else {},
                    after={"acked_by": actor, "until": until.isoformat(timespec="seconds") if until else None},
                    reason=note,
                    origin=origin,
                )
    return done, len(set(pks)) - len(done)


def _until(now: datetime, hours: float | None) -> datetime | None:
    if hours is None:
        return None
    if not math.isfinite(hours) or not 0 < hours <= LONGEST_ACK.total_seconds() / 3600:
        most = int(LONGEST_ACK.total_seconds() // 3600)
        raise Refused("bad_time", _("An acknowledgement lasts up to %(n)s hours.") % {"n": most})
    return now + timedelta(hours=hours)


def find(code: str) -> Rule:
    """The declared rule.

    Raises:
        Refused: ``unknown_rule``.
    """
    if code not in rules.BY_CODE:
        said = _("There is no rule %(code)s.") % {"code": code[:60]}
        raise Refused("unknown_rule", said, _("manage.py alerts rules lists them."))
    return rules.BY_CODE[code]


def change_rule(code: str, wanted: Wanted, *, reason: str, actor: str, origin: str) -> Rule:
    """Change a rule (``*``: only the receivers of all that name none); what is in force afterwards.

    Raises:
        Refused: ``unknown_rule``, ``out_of_bounds``, ``bad_receiver``, ``too_many_receivers``, ``wrong_severity`` or
            ``reason_missing``; nothing was changed.
    """
    rule = None if code == EVERY_RULE else find(code)
    reason = reason.strip()
    if not 3 <= len(reason) <= audit.REASON_LIMIT:
        said = _("A change needs a reason of 3 to %(n)s characters.") % {"n": audit.REASON_LIMIT}
        raise Refused("reason_missing", said)
    columns = _columns(rule, wanted)
    now = clock.now()
    with transaction.atomic():
        row, _made = AlertRule.objects.select_for_update().get_or_create(
            code=code, defaults={"changed_by": actor[:150], "changed_at": now}
        )
        before = {name: getattr(row, name) for name in columns}
        changed = [name for name in columns if before[name] != columns[name]]
        if changed:
            AlertRule.objects.filter(pk=row.pk).update(**columns, changed_by=actor[:150], changed_at=now)
            audit.record(
                actor=actor,
                action="change_alert_rule",
                object_type=_RULE,
                object_id=code,
                before={name: before[name] for name in changed},
                after={name: columns[name] for name in changed},
                reason=reason,
                origin=origin,
            )
    return rules.in_force()[code] if rule is not None else Rule(EVERY_RULE, rules.WARNING, receivers=_lines(columns))


def _lines(columns: Mapping[str, Any]) -> tuple[str, ...]:
    return rules.receivers_of(str(columns["receivers"]))


def _columns(rule: Rule | None, wanted: Wanted) -> dict[str, Any]:
    receivers = "\n".join(outbox.checked_receivers(wanted.receivers))
    if rule is None:
        return {"receivers": receivers}
    if wanted.severity and wanted.severity not in rules.SEVERITIES:
        words = ", ".join(rules.SEVERITIES)
        raise Refused("wrong_severity", _("The severity is one of: %(words)s.") % {"words": words})
    columns: dict[str, Any] = {"enabled": wanted.enabled, "severity": wanted.severity, "receivers": receivers}
    columns["hold_s"] = _bounded(_("The hold time"), wanted.hold_s, 0.0, LONGEST_HOLD_S)
    if not rule.switch:
        columns["threshold"] = _bounded(_("The threshold"), wanted.threshold, rule.least, rule.most)
        threshold = rule.threshold if columns["threshold"] is None else columns["threshold"]
        # A margin larger than the threshold would never let the alert clear.
        columns["clear_margin"] = _bounded(_("The clear margin"), wanted.clear_margin, 0.0, threshold)
        margin = rule.clear_margin if columns["clear_margin"] is None else columns["clear_margin"]
        if margin > threshold:
            columns["clear_margin"] = threshold
    return columns


def _bounded(name: str, value: float | None, least: float, most: float) -> float | None:
    if value is not None and not (math.isfinite(value) and least <= value <= most):
        raise Refused(
            "out_of_bounds",
            _("%(name)s is from %(least)s to %(most)s.") % {"name": name, "least": f"{least:g}", "most": f"{most:g}"},
        )
    return value


def test_delivery(code: str, *, actor: str, origin: str) -> list[AlertDelivery]:
    """Queue a test to the receivers of a rule (``*``: those of all rules).

    Raises:
        Refused: ``unknown_rule`` or ``no_receiver``.
    """
    if code == EVERY_RULE:
        stored = rules.changed_rows()
        receivers = rules.receivers_of(stored[code].receivers) if code in stored else ()
    else:
        receivers = rules.in_force()[find(code).code].receivers
    if not receivers:
        raise Refused("no_receiver", _("Nobody would be told: no receiver is set."), _("Set one first."))
    with transaction.atomic():
        queued = outbox.queue([(None, outbox.TEST, receivers)], clock.now())
        if len(queued) < len(receivers):
            raise Refused("outbox_full", _("Too many messages wait already."), _("Mend what keeps them first."))
        audit.record(
            actor=actor,
            action="test_alert_delivery",
            object_type=_RULE,
            object_id=code,
            after={"receivers": list(receivers)},
            origin=origin,
        )
    return list(AlertDelivery.objects.filter(state=outbox.PENDING, kind=outbox.TEST).order_by("-pk")[: len(queued)])
