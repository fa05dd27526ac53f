"""``manage.py cache``: the values that all runs share, from a terminal. Every change is audited."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models.functions import Left, Length

from scheduler import cache
from scheduler.errors import Refused
from scheduler.models import CachedValue
from vwed.console.listing import begins_with
from vwed.management.action import ActionCommand, Answer, WrongUsage, actor

#: Values that ``list`` shows at once, and characters of each.
_MOST, _SHOWN = 500, 60


class Command(ActionCommand):
    help = "Lists, reads, stores and removes values of the cache that all runs share. Changes are in the audit log."
    json_option = False  # every sub-command has its own

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|get|set|clear")
        listed = verbs.add_parser("list", help=f"keys with the beginning of their values, at most {_MOST}")
        listed.add_argument("--prefix", default="", help="only keys that begin like this")
        listed.add_argument("--after", default="", metavar="KEY", help="only keys behind this one: the next page")
        get = verbs.add_parser("get", help="one value")
        put = verbs.add_parser("set", help="store a value, under a new key or in place of the old one")
        clear = verbs.add_parser("clear", help="remove a key with its value")
        for each in (get, put, clear):
            each.add_argument("key", metavar="KEY")
        put.add_argument("value", metavar="VALUE")
        for each in (put, clear):
            each.add_argument("--reason", required=True, help="why, for the audit log")
        for each in verbs.choices.values():
            each.add_argument("--json", action="store_true", help="print one JSON document and nothing else")

    def act(self, options: Mapping[str, Any]) -> Answer:
        verbs: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
            "list": _list,
            "get": _get,
            "set": _set,
            "clear": _clear,
        }
        if not options.get("reason", "-").strip():
            raise WrongUsage("--reason is empty: it is kept in the audit log.")
        return verbs[options["verb"]](options)


def _list(options: Mapping[str, Any]) -> Answer:
    rows = CachedValue.objects.order_by("key").annotate(size=Length("value"), beginning=Left("value", _SHOWN))
    if options["prefix"]:
        rows = rows.filter(begins_with("key", options["prefix"]))
    if options["after"]:
        rows = rows.filter(key__gt=options["after"])
    names = ("key", "size", "changed_at", "changed_by", "beginning")
    found = list(rows.values(*names)[: _MOST + 1])
    more = len(found) > _MOST
    found = found[:_MOST]
    lines = [f"{row['key']}  {row['size']} characters  by {row['changed_by']}  {row['beginning']!r}" for row in found]
    if more:
        lines.append(f"There are more: --after {found[-1]['key']!r}")
    return Answer({"values": found, "more": more}, "\n".join(lines) or "Nothing is stored.")


def _get(options: Mapping[str, Any]) -> Answer:
    row = _row(options["key"])
    document = {"key": row.key, "value": row.value, "changed_at": row.changed_at, "changed_by": row.changed_by}
    return Answer(document, row.value)


def _set(options: Mapping[str, Any]) -> Answer:
    key, value = options["key"], options["value"]
    said = {"actor": actor(), "origin": "command", "reason": options["reason"]}
    row = CachedValue.objects.filter(key=key).first()
    if row is None:
        cache.add(key, value, **said)
    else:
        cache.change(row.pk, value, seen=cache.fingerprint(row.value), **said)
    before = None if row is None else row.value
    return Answer({"key": key, "before": before, "after": value}, f"{key} is stored.")


def _clear(options: Mapping[str, Any]) -> Answer:
    row = _row(options["key"])
    said = {"actor": actor(), "origin": "command", "reason": options["reason"]}
    cache.remove(row.pk, seen=cache.fingerprint(row.value), **said)
    return Answer({"key": row.key, "before": row.value, "after": None}, f"{row.key} is removed.")


def _row(key: str) -> CachedValue:
    row = CachedValue.objects.filter(key=key).first()
    if row is None:
        raise Refused(
            "cache_unknown", f"There is no value under {key[:190]!r}.", "manage.py cache list shows all keys."
        )
    return row
