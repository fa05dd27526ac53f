"""``manage.py tune``: the tunables, from a terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scheduler import clock
from scheduler.errors import Refused
from scheduler.q2 import renewal
from vwed.management.action import ActionCommand, Answer, actor
from vwed.models import ChangeSet
from vwed.tuning import changes, files, stored, times
from vwed.tuning.parameters import GROUPS, find


class Command(ActionCommand):
    help = (
        "Lists, shows and changes tunables, at once or later, tells their history, rolls them back, and writes and "
        "reads them as a file. A change needs a reason and is written to the audit log."
    )
    json_option = False  # every sub-command has its own

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = "list|get|set|change|history|rollback|cancel|export|import|replace-clusters"
        commands = parser.add_subparsers(dest="verb", required=True, metavar=verbs)
        made = {name: commands.add_parser(name, help=text) for name, text in _VERBS.items()}
        made["get"].add_argument("name")
        made["set"].add_argument("name")
        made["set"].add_argument("value")
        made["change"].add_argument("values", nargs="+", metavar="NAME=VALUE", help="NAME= alone: its first value")
        for name in ("set", "change"):
            made[name].add_argument("--at", default="now", help="now, tonight (02:00), or a date and time")
        made["history"].add_argument("--before", type=int, default=None, help="only changes with a smaller number")
        made["history"].add_argument("--limit", type=int, default=20, help="default: 20")
        made["rollback"].add_argument(
            "number", type=int, help="the change whose values come back; 0: before the oldest"
        )
        made["cancel"].add_argument("number", type=int)
        made["export"].add_argument("-o", "--output", default="", help="the file (default: standard output)")
        made["import"].add_argument("file")
        for name in ("set", "change", "rollback", "cancel", "import", "replace-clusters"):
            made[name].add_argument("--reason", required=True, help="why (3 to 200 characters)")
        for each in made.values():
            each.add_argument("--json", action="store_true", help="print one JSON document and nothing else")

    def act(self, options: Mapping[str, Any]) -> Answer:
        return _ACTIONS[options["verb"]](options)


_VERBS = {
    "list": "every tunable with value, default, bounds and meaning",
    "get": "one tunable",
    "set": "change one tunable, now or later",
    "change": "change several tunables at once, all or none",
    "history": "the changes, the newest first",
    "rollback": "bring back the values right after a change: a new change",
    "cancel": "give up a scheduled change",
    "export": "the values in force as a file",
    "import": "take over such a file: one change, or none",
    "replace-clusters": "replace the processes of every cluster, drained, one after another",
}


def _list(_: Mapping[str, Any]) -> Answer:
    present = stored.effective()
    lines = []
    for group, title in GROUPS:
        lines.append(f"\n{title}")
        for each in present.values():
            if each.parameter.group == group:
                mark = "*" if each.value != each.parameter.default else " "
                shown = f"{each.text} {each.parameter.unit}".strip()
                lines.append(f"{mark} {each.parameter.name:<24} {shown:<18} {each.parameter.help}")
    lines.append("\n* differs from its default")
    document = {"version": stored.version(), "parameters": [_as_json(each) for each in present.values()]}
    return Answer(document, "\n".join(lines).lstrip("\n"))


def _get(options: Mapping[str, Any]) -> Answer:
    parameter = find(options["name"])
    each = stored.effective()[parameter.name]
    source = f"change {each.change}" if each.change else str(each.source)
    text = (
        f"{parameter.name} = {each.text} {parameter.unit}".rstrip()
        + f"\n{parameter.help}\nFrom: {source}. Default {parameter.format(parameter.default)}; "
        f"first value from {parameter.variable}; allowed: {parameter.allowed()}; "
        f"takes effect {parameter.effect.words}."
    )
    return Answer(_as_json(each), text)


def _set(options: Mapping[str, Any]) -> Answer:
    parameter = find(options["name"])
    at = times.parse(options["at"], clock.now())
    before = stored.get(parameter.name)
    try:
        row = changes.commit(
            {parameter.name: options["value"]},
            reason=options["reason"],
            author=actor(),
            origin="command",
            effective_at=at,
        )
    except Refused as refused:
        if refused.code != "nothing_changed":
            raise
        text = f"{parameter.name} is {parameter.format(before)} already; nothing was changed."
        same = {"name": parameter.name, "before": before, "after": before, "changed": False}
        return Answer({**same, "version": stored.version(), "takes_effect": str(parameter.effect)}, text)
    after = parameter.parse(options["value"])
    when = f"Scheduled for {_time(row)} (change {row.pk})." if at else f"Takes effect {parameter.effect.words}."
    document = {
        "name": parameter.name,
        "before": before,
        "after": after,
        "changed": True,
        "takes_effect": str(parameter.effect),
        **_change(row),
    }
    return Answer(document, f"{parameter.name}: {parameter.format(before)} → {parameter.format(after)}. {when}")


def _several(options: Mapping[str, Any]) -> Answer:
    wanted: dict[str, str | None] = {}
    for pair in options["values"]:
        name, equals, text = pair.partition("=")
        if not equals:
            raise Refused("wrong_usage", f"“{pair}” is not NAME=VALUE.", "Write for example pool_size=20 recycle=5000.")
        wanted[find(name.strip()).name] = text.strip() or None
    at = times.parse(options["at"], clock.now())
    row = changes.commit(wanted, reason=options["reason"], author=actor(), origin="command", effective_at=at)
    return Answer(_change(row), _line(row))


def _history(options: Mapping[str, Any]) -> Answer:
    rows = changes.history(options["before"], options["limit"])
    text = "\n".join(_line(row) for row in rows) or "Nothing was changed yet."
    return Answer({"version": stored.version(), "changes": [_change(row) for row in rows]}, text)


def _rollback(options: Mapping[str, Any]) -> Answer:
    row = changes.roll_back(options["number"], reason=options["reason"], author=actor(), origin="command")
    return Answer(_change(row), _line(row))


def _cancel(options: Mapping[str, Any]) -> Answer:
    row = changes.cancel(options["number"], reason=options["reason"], author=actor(), origin="command")
    return Answer(_change(row), _line(row))


def _export(options: Mapping[str, Any]) -> Answer:
    document = files.export()
    text = json.dumps(document, ensure_ascii=False, indent=1)
    if not options["output"]:
        return Answer(document, text)
    try:
        Path(options["output"]).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise Refused(
            "file", f"{options['output']} cannot be written: {error.strerror}.", "Give another file."
        ) from error
    return Answer({"file": options["output"], **document}, f"Written: {options['output']}")


def _import(options: Mapping[str, Any]) -> Answer:
    try:
        text = Path(options["file"]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("file", f"{options['file']} cannot be read: {error}.", "Give a file of tune export.") from error
    row = files.load(text, reason=options["reason"], author=actor(), origin="command")
    return Answer(_change(row), _line(row))


def _replace(options: Mapping[str, Any]) -> Answer:
    reason = changes.checked_reason(options["reason"])
    asked = renewal.request(actor=actor(), reason=reason, origin="command")
    return Answer({"clusters": asked}, f"Clusters asked, one after another: {asked}.")


_ACTIONS: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
    "list": _list,
    "get": _get,
    "set": _set,
    "change": _several,
    "history": _history,
    "rollback": _rollback,
    "cancel": _cancel,
    "export": _export,
    "import": _import,
    "replace-clusters": _replace,
}


def _time(row: ChangeSet) -> str:
    return row.effective_at.astimezone(times.zone()).isoformat(sep=" ", timespec="minutes")


def _line(row: ChangeSet) -> str:
    moves = ", ".join(
        f"{name}: {'first value' if each['before'] is None else each['before']} → "
        f"{'first value' if each['after'] is None else each['after']}"
        for name, each in row.difference.items()
    )
    return f"{row.pk:>6}  {_time(row)}  {row.get_state_display():<12} {row.author:<12} {moves}  ({row.reason})"


def _change(row: ChangeSet) -> dict[str, Any]:
    return {
        "change": row.pk,
        "version": row.version,
        "state": str(row.state),
        "difference": row.difference,
        "author": row.author,
        "reason": row.reason,
        "effective_at": row.effective_at.isoformat(),
        "applied_at": row.applied_at.isoformat() if row.applied_at else None,
        "outcome": row.outcome,
    }


def _as_json(each: stored.Effective) -> dict[str, Any]:
    parameter = each.parameter
    return {
        "name": parameter.name,
        "value": each.value,
        "source": str(each.source),
        "change": each.change,
        "default": parameter.default,
        "type": parameter.kind,
        "unit": parameter.unit,
        "min": parameter.minimum,
        "max": parameter.maximum,
        "group": parameter.group,
        "takes_effect": str(parameter.effect),
        "variable": parameter.variable,
        "help": str(parameter.help),
    }
