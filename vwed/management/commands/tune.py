"""``manage.py tune``: the tunables, from a terminal."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from vwed.management.action import ActionCommand, Answer, actor
from vwed.tuning import store
from vwed.tuning.parameter import Parameter, Value
from vwed.tuning.parameters import GROUPS, PARAMETERS, find


class Command(ActionCommand):
    help = "Lists, shows and changes tunables. A change needs a reason and is written to the audit log."
    json_option = False  # every sub-command has its own

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="verb", required=True, metavar="list|get|set")
        listing = commands.add_parser("list", help="every tunable with value, default, bounds and meaning")
        getting = commands.add_parser("get", help="one tunable")
        getting.add_argument("name")
        setting = commands.add_parser("set", help="change one tunable")
        setting.add_argument("name")
        setting.add_argument("value")
        setting.add_argument("--reason", required=True, help="why (3 to 200 characters)")
        for each in (listing, getting, setting):
            each.add_argument("--json", action="store_true", help="print one JSON document and nothing else")

    def act(self, options: Mapping[str, Any]) -> Answer:
        match options["verb"]:
            case "list":
                return _list()
            case "get":
                return _get(options["name"])
            case _:
                return _set(options["name"], options["value"], options["reason"])


def _list() -> Answer:
    stored = store.overrides()
    rows = [_as_json(parameter, stored.get(parameter.name, parameter.default)) for parameter in PARAMETERS]
    lines = []
    for group, title in GROUPS:
        lines.append(f"\n{title}")
        for parameter in PARAMETERS:
            if parameter.group == group:
                value = stored.get(parameter.name, parameter.default)
                mark = "*" if value != parameter.default else " "
                shown = f"{parameter.format(value)} {parameter.unit}".strip()
                lines.append(f"{mark} {parameter.name:<24} {shown:<18} {parameter.help}")
    lines.append("\n* differs from its default")
    return Answer({"version": store.version(), "parameters": rows}, "\n".join(lines).lstrip("\n"))


def _get(name: str) -> Answer:
    parameter = find(name)
    value = store.get(name)
    text = (
        f"{parameter.name} = {parameter.format(value)} {parameter.unit}".rstrip()
        + f"\n{parameter.help}\nDefault {parameter.format(parameter.default)}; allowed: {parameter.allowed()}; "
        f"takes effect {parameter.effect.words}."
    )
    return Answer(_as_json(parameter, value), text)


def _set(name: str, value: str, reason: str) -> Answer:
    change = store.put(name, value, reason=reason, author=actor(), origin="command")
    parameter = change.parameter
    before, after = parameter.format(change.before), parameter.format(change.after)
    text = (
        f"{parameter.name}: {before} → {after}. Takes effect {parameter.effect.words}."
        if change.changed
        else f"{parameter.name} is {after} already; nothing was changed."
    )
    document = {
        "name": parameter.name,
        "before": change.before,
        "after": change.after,
        "changed": change.changed,
        "version": change.version,
        "takes_effect": str(parameter.effect),
    }
    return Answer(document, text)


def _as_json(parameter: Parameter, value: Value) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "value": value,
        "default": parameter.default,
        "type": parameter.kind,
        "unit": parameter.unit,
        "min": parameter.minimum,
        "max": parameter.maximum,
        "group": parameter.group,
        "takes_effect": str(parameter.effect),
        "help": str(parameter.help),
    }
