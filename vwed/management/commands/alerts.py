"""``manage.py alerts``: open alerts and their rules, from a terminal."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from vwed.alerts import changing, delivery, outbox, present, rules, words
from vwed.alerts.rules import EVERY_RULE, Rule
from vwed.console import formats
from vwed.management.action import ActionCommand, Answer, WrongUsage, actor
from vwed.models import Alert, AlertDelivery, AlertRule

_EVERY = "every"
#: Cleared alerts that ``list --all`` prints.
_CLEARED = 50


class Command(ActionCommand):
    help = "Lists, acknowledges and tests alerts; lists and changes their rules. A change needs a reason."
    json_option = False  # every sub-command has its own

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="verb", required=True, metavar="list|ack|rules|set|test")
        listing = commands.add_parser("list", help="open alerts, the worst first")
        listing.add_argument("--all", action="store_true", help="the latest cleared ones too")
        ack = commands.add_parser("ack", help="take alerts upon yourself: no further messages about them")
        ack.add_argument("id", nargs="+", type=int)
        ack.add_argument("--note", default="", help="what you are doing about it")
        ack.add_argument("--hours", type=float, help="then they are told again (until they clear, without it)")
        known = commands.add_parser("rules", help="every rule with what is in force")
        setting = commands.add_parser("set", help="change a rule")
        _setting_arguments(setting)
        test = commands.add_parser("test", help="send a test to the receivers of a rule, now")
        test.add_argument("rule", nargs="?", default=_EVERY, help="a rule, or 'every' (the default)")
        for each in (listing, ack, known, setting, test):
            each.add_argument("--json", action="store_true", help="print one JSON document and nothing else")

    def act(self, options: Mapping[str, Any]) -> Answer:
        match options["verb"]:
            case "list":
                return _list(bool(options["all"]))
            case "ack":
                return _ack(options)
            case "rules":
                return _rules()
            case "set":
                return _set(options)
            case _:
                return _test(options["rule"])


def _setting_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rule", help="a rule, or 'every': then only --receivers")
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--hold", type=float, metavar="SECONDS")
    parser.add_argument("--margin", type=float, help="it clears at the threshold minus this")
    parser.add_argument("--severity", choices=rules.SEVERITIES)
    switch = parser.add_mutually_exclusive_group()
    switch.add_argument("--on", action="store_true", help="watch it")
    switch.add_argument("--off", action="store_true", help="do not watch it; an open alert clears")
    parser.add_argument("--receivers", help="mail and http addresses, separated by commas; '' for those of every rule")
    parser.add_argument("--defaults", action="store_true", help="first go back to what is declared")
    parser.add_argument("--reason", required=True, help="why (3 to 200 characters)")


def _list(everything: bool) -> Answer:
    rows = present.open_alerts()
    if everything:
        rows += list(Alert.objects.filter(cleared_at__isnull=False).order_by("-pk")[:_CLEARED])
    looked = present.last_look()
    document = {"last_check": formats.iso(looked) or None, "alerts": [_as_json(row) for row in rows]}
    lines = [_line(row) for row in rows] or ["No open alert."]
    if present.is_late(looked):
        when = f"the last check was at {formats.moment(looked)}" if looked else "no check has been made yet"
        lines.append(f"Nobody watches: {when}.")
    return Answer(document, "\n".join(lines))


def _line(row: Alert) -> str:
    state = "cleared" if row.cleared_at else f"acknowledged by {row.acked_by}" if row.acked_at else "open"
    return f"{row.pk:>6}  {row.severity:<11} {formats.moment(row.opened_at):<14} {state:<10}  {words.sentence(row)}"


def _as_json(row: Alert) -> dict[str, Any]:
    return {
        "id": row.pk,
        "rule": row.rule,
        "severity": row.severity,
        "object": row.object_key,
        "sentence": words.sentence(row),
        "what_to_do": list(words.advice(row.rule)),
        "value": row.value,
        "peak": row.peak,
        "threshold": row.threshold,
        "count": row.count,
        "opened_at": formats.iso(row.opened_at),
        "cleared_at": formats.iso(row.cleared_at) or None,
        "acknowledged_by": row.acked_by or None,
        "acknowledged_until": formats.iso(row.acked_until) or None,
        "note": row.ack_note,
        "args": row.args,
    }


def _ack(options: Mapping[str, Any]) -> Answer:
    done, left = changing.acknowledge(
        options["id"], note=options["note"], hours=options["hours"], actor=actor(), origin="command"
    )
    document = {"acknowledged": [row.pk for row in done], "not_open": left}
    text = "\n".join(f"{row.pk} is acknowledged: {words.sentence(row)}" for row in done)
    failure = f"{left} of {len(set(options['id']))} are not open (any more)." if left else ""
    return Answer(document, text, failure)


def _rules() -> Answer:
    stored = rules.changed_rows()
    in_force = rules.in_force(stored)
    common = rules.receivers_of(stored[EVERY_RULE].receivers) if EVERY_RULE in stored else ()
    lines = [f"Receivers of every rule that names none: {', '.join(common) or 'nobody'}", ""]
    for rule in in_force.values():
        mark = "*" if rule.code in stored else " "
        threshold = "" if rule.switch else words.amount(rule.threshold, rule.unit)
        state = rule.severity if rule.enabled else "off"
        lines.append(f"{mark} {rule.code:<20} {state:<11} {threshold:>14}  {rule.hold_s:g} s  {words.title(rule.code)}")
    lines.append("\n* differs from its declaration")
    listed = [_rule_json(rule, stored.get(rule.code)) for rule in in_force.values()]
    return Answer({"receivers": list(common), "rules": listed}, "\n".join(lines))


def _rule_json(rule: Rule, row: AlertRule | None) -> dict[str, Any]:
    return {
        "rule": rule.code,
        "title": words.title(rule.code),
        "enabled": rule.enabled,
        "severity": rule.severity,
        "threshold": None if rule.switch else rule.threshold,
        "unit": rule.unit,
        "min": None if rule.switch else rule.least,
        "max": None if rule.switch else rule.most,
        "hold_s": rule.hold_s,
        "clear_margin": None if rule.switch else rule.clear_margin,
        "receivers": list(rule.receivers),
        "changed_by": row.changed_by if row is not None else None,
    }


def _set(options: Mapping[str, Any]) -> Answer:
    code = EVERY_RULE if options["rule"] == _EVERY else options["rule"]
    numbers = {"threshold": options["threshold"], "hold_s": options["hold"], "clear_margin": options["margin"]}
    given = {name: value for name, value in numbers.items() if value is not None}
    if options["severity"]:
        given["severity"] = options["severity"]
    if options["on"] or options["off"]:
        given["enabled"] = bool(options["on"])
    if code == EVERY_RULE and given:
        raise WrongUsage("'every' has receivers only.")
    if options["receivers"] is not None:
        given["receivers"] = "\n".join(options["receivers"].split(","))
    if not given and not options["defaults"]:
        raise WrongUsage("Nothing to change is given.")
    before = None if options["defaults"] else AlertRule.objects.filter(code=code).first()
    names = changing.Wanted.__dataclass_fields__
    wanted = changing.Wanted(**{**({name: getattr(before, name) for name in names} if before else {}), **given})
    rule = changing.change_rule(code, wanted, reason=options["reason"], actor=actor(), origin="command")
    if code == EVERY_RULE:
        return Answer({"receivers": list(rule.receivers)}, f"Receivers: {', '.join(rule.receivers) or 'nobody'}")
    row = AlertRule.objects.filter(code=code).first()
    return Answer(_rule_json(rule, row), f"{code} is changed; it holds from the next look on.")


def _test(code: str) -> Answer:
    """Queue a test and send it from here, so that its outcome is known at once."""
    queued = changing.test_delivery(EVERY_RULE if code == _EVERY else code, actor=actor(), origin="command")
    pks = [row.pk for row in queued]
    delivery.run_once(only=pks)
    rows = list(AlertDelivery.objects.filter(pk__in=pks).order_by("pk"))
    document = {"deliveries": [{"target": row.target, "state": row.state, "error": row.error} for row in rows]}
    text = "\n".join(f"{row.state:<8} {row.target}  {row.error}".rstrip() for row in rows)
    failed = sum(row.state != outbox.SENT for row in rows)
    return Answer(document, text, f"{failed} of {len(rows)} messages did not arrive." if failed else "")
