"""``manage.py locations``: the warehouse from a terminal. Every change is audited and offered to who waits for it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from scheduler import audit, left_behind, settlement
from scheduler.commands import sites
from scheduler.commands.sites import SitesResult
from scheduler.errors import Refused
from scheduler.models import TaskRecord
from scheduler.states import ACTIVE
from storage import areas
from storage.areas import NewLocation
from storage.errors import StorageError
from storage.models import StorageLocation, StorageRequest
from storage.states import LIVE
from vwed.management.action import ActionCommand, Answer, WrongUsage, actor

_NO_LOCATION = "No locations. Make one: manage.py locations create SITE --area A --group G"
_GRID = re.compile(r"(\d{1,6})x(\d{1,6})")


class Command(ActionCommand):
    help = "Lists, creates and changes storage locations; locks and unlocks them. Every change is in the audit log."
    json_option = False  # every sub-command has its own

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|create|set|lock|unlock|withdraw")
        _list_arguments(verbs.add_parser("list", help="locations with their state"))
        _create_arguments(verbs.add_parser("create", help="new locations, or a grid of them"))
        _set_arguments(verbs.add_parser("set", help="change what lies there, or take it in and out of use"))
        lock = verbs.add_parser("lock", help="lock for a person, a robot or a run")
        lock.add_argument("sites", nargs="+", metavar="SITE")
        lock.add_argument("--holder", required=True, help="whose name the lock gets")
        unlock = verbs.add_parser("unlock", help="unlock; what a live run holds needs --force and a reason")
        unlock.add_argument("sites", nargs="+", metavar="SITE")
        unlock.add_argument("--holder", default="", help="only when this one holds it")
        unlock.add_argument("--force", action="store_true", help="whoever holds it")
        withdraw = verbs.add_parser("withdraw", help="end the waits of runs for locations; their blocks fail")
        withdraw.add_argument("runs", nargs="+", metavar="RUN")
        for each in (lock, unlock, withdraw):
            each.add_argument("--reason", default="", help="why, for the audit log")
        for each in verbs.choices.values():
            each.add_argument("--json", action="store_true", help="print one JSON document and nothing else")

    def act(self, options: Mapping[str, Any]) -> Answer:
        verbs: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
            "list": _list,
            "create": _create,
            "set": _set,
            "lock": _lock,
            "unlock": _unlock,
            "withdraw": _withdraw,
        }
        try:
            return verbs[options["verb"]](options)
        except StorageError as error:
            raise Refused(error.code, error.message, error.remedy) from error


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--area", help="only this area")
    parser.add_argument("--group", help="only this storage group")
    parser.add_argument("--holder", help="only what this one holds")
    parser.add_argument("--locked", action="store_true", help="only locked ones")
    parser.add_argument("--left-behind", action="store_true", help="only those locked by runs that have ended")


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sites", nargs="+", metavar="SITE")
    parser.add_argument("--area", required=True, help="made when it is new")
    parser.add_argument("--group", required=True, help="storage group used by searches")
    parser.add_argument("--row", type=int)
    parser.add_argument("--column", type=int)
    parser.add_argument("--grid", metavar="ROWSxCOLUMNS", help="SITE is the prefix: SITE-01-01, SITE-01-02, ...")


def _set_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sites", nargs="+", metavar="SITE")
    goods = parser.add_mutually_exclusive_group()
    goods.add_argument("--filled", action="store_true", help="occupied")
    goods.add_argument("--empty", action="store_true", help="free of goods; the content goes too")
    parser.add_argument("--content", help="goods code; an empty text for none")
    use = parser.add_mutually_exclusive_group()
    use.add_argument("--disabled", action="store_true", help="out of use")
    use.add_argument("--enabled", action="store_true", help="back in use")
    parser.add_argument("--until", help="with --disabled: enabled again by itself at this time (ISO 8601)")
    parser.add_argument("--reason", default="", help="why, for the audit log")


# --- Verbs -----------------------------------------------------------------------------------------------------------


def _list(options: Mapping[str, Any]) -> Answer:
    rows = (
        StorageLocation.objects.select_related("area").prefetch_related("attributes").order_by("area__name", "site_id")
    )
    if options["area"] is not None:
        rows = rows.filter(area__name=options["area"])
    if options["group"] is not None:
        rows = rows.filter(group_name=options["group"])
    if options["holder"] is not None:
        rows = rows.filter(locked_by=options["holder"])
    if options["locked"]:
        rows = rows.exclude(locked_by="")
    if options["left_behind"]:
        rows = left_behind.narrow(rows)
    found = list(rows)
    lines = [f"{'location':<20} {'area':<12} {'group':<12} {'goods':<24} state", *map(_line, found)]
    none = "No lock was left behind by a run that has ended." if options["left_behind"] else _NO_LOCATION
    text = "\n".join(lines) if found else none
    return Answer({"locations": [_as_json(row) for row in found]}, text)


def _create(options: Mapping[str, Any]) -> Answer:
    new = _new_locations(options)
    who = actor()
    with transaction.atomic():
        area = areas.ensure_area(options["area"])
        created = areas.create(area, new, actor=who)
        for one in new:
            audit.record(
                actor=who,
                action="create_location",
                object_type="location",
                object_id=one.site_id,
                after={"area": area.name, "group": one.group, "row": one.row, "column": one.column},
                origin="command",
            )
        settlement.match_later(created)
    return Answer({"created": created}, f"{len(created)} created in area {area.name}: {_few(created)}")


def _set(options: Mapping[str, Any]) -> Answer:
    steps = _steps(options)
    site_ids = list(dict.fromkeys(options["sites"]))
    with transaction.atomic():  # one command, all or nothing; the matches wait for this commit
        for step in steps:
            _all_done(step(site_ids))
    return _states(site_ids)


def _lock(options: Mapping[str, Any]) -> Answer:
    result = sites.lock(options["sites"], options["holder"], actor=actor(), origin="command", reason=options["reason"])
    return _outcome(result, f"locked by {options['holder'].strip()}")


def _unlock(options: Mapping[str, Any]) -> Answer:
    if options["force"]:
        if not options["reason"].strip():
            raise WrongUsage("--force needs --reason TEXT: it is kept in the journal and in the audit log.")
        done = sites.release(options["sites"], actor=actor(), origin="command", reason=options["reason"])
        return _outcome(done, "unlocked")
    site_ids = list(dict.fromkeys(options["sites"]))
    holders = {site_id: options["holder"] or _harmless_holder(site_id) for site_id in site_ids}
    with transaction.atomic():
        for site_id in site_ids:
            _all_done(sites.unlock([site_id], holders[site_id], actor=actor(), origin="command"))
    lines = [f"{one}: {'unlocked' if holders[one] else 'was not locked'}" for one in site_ids]
    return Answer({"done": site_ids, "refused": {}}, "\n".join(lines))


def _withdraw(options: Mapping[str, Any]) -> Answer:
    runs = list(dict.fromkeys(options["runs"]))
    waiting = StorageRequest.objects.filter(holder__in=runs, state__in=LIVE).order_by("rank", "id")
    holders = dict(waiting.values_list("key", "holder"))
    done: tuple[str, ...] = ()
    if holders:
        done = sites.withdraw_request(list(holders), actor=actor(), origin="command", reason=options["reason"]).done
    idle = [run for run in runs if run not in {holders[key] for key in done}]
    failure = "\n".join(f"{run} waits for no location." for run in idle)
    text = "\n".join(f"{holders[key]}: request {key} withdrawn" for key in done)
    return Answer({"withdrawn": list(done), "idle": idle}, text, failure)


# --- Parts -----------------------------------------------------------------------------------------------------------


def _new_locations(options: Mapping[str, Any]) -> list[NewLocation]:
    names, group, grid = options["sites"], options["group"], options["grid"]
    placed = options["row"] is not None or options["column"] is not None
    if placed and (len(names) > 1 or grid):
        raise WrongUsage("--row and --column place one location; give one SITE and no --grid.")
    if not grid:
        return [NewLocation(name, group=group, row=options["row"], column=options["column"]) for name in names]
    size = _GRID.fullmatch(grid)
    if size is None:
        raise WrongUsage(f"--grid {grid!r} is not ROWSxCOLUMNS, for example 4x6.")
    return [one for name in names for one in areas.grid(name, group=group, rows=int(size[1]), columns=int(size[2]))]


def _steps(options: Mapping[str, Any]) -> list[Callable[[Sequence[str]], SitesResult]]:
    """What ``set`` has to do, in order."""
    who, content, reason = actor(), options["content"], options["reason"]
    steps: list[Callable[[Sequence[str]], SitesResult]] = []
    if options["empty"] and content:
        raise WrongUsage("--empty and --content contradict each other: emptying clears the content.")
    if options["until"] and not options["disabled"]:
        raise WrongUsage("--until goes with --disabled.")
    if options["filled"]:
        steps.append(lambda ids: sites.fill(ids, actor=who, origin="command", content=content))
    elif options["empty"]:
        steps.append(lambda ids: sites.empty(ids, actor=who, origin="command"))
    elif content is not None:
        steps.append(lambda ids: sites.set_content(ids, content, actor=who, origin="command"))
    if options["disabled"]:
        until = _time(options["until"])
        steps.append(lambda ids: sites.disable(ids, actor=who, origin="command", reason=reason, until=until))
    elif options["enabled"]:
        steps.append(lambda ids: sites.enable(ids, actor=who, origin="command", reason=reason))
    if not steps:
        raise WrongUsage("Nothing to set: give --filled, --empty, --content, --disabled or --enabled.")
    return steps


def _time(text: str | None) -> Any:
    if not text:
        return None
    try:
        time = parse_datetime(text)
    except ValueError as error:
        raise WrongUsage(f"--until {text!r}: {error}.") from error
    if time is None:
        raise WrongUsage(f"--until {text!r} is not a time, for example 2026-05-01T18:00.")
    return make_aware(time) if is_naive(time) else time


def _harmless_holder(site_id: str) -> str:
    """Who holds the location, unless that is a live run: taking its lock away needs --force.

    Raises:
        Refused: a live run holds it.
    """
    holder = StorageLocation.objects.filter(site_id=site_id).values_list("locked_by", flat=True).first() or ""
    if holder and TaskRecord.objects.filter(record_id=holder, status__in=ACTIVE).exists():
        raise Refused(
            "location_held",
            f"Location {site_id} is locked by run {holder}, which is active.",
            "Cancel the run, or give --force --reason TEXT.",
        )
    return holder


def _all_done(result: SitesResult) -> None:
    for error in result.refused.values():
        raise error


def _outcome(result: SitesResult, what: str) -> Answer:
    refused = {
        site_id: {"code": e.code, "message": e.message, "remedy": e.remedy} for site_id, e in result.refused.items()
    }
    document = {"done": list(result.done), "refused": refused}
    if len(refused) == 1 and not result.done:
        (error,) = refused.values()
        document["error"] = error
    failure = "\n".join(f"{error.message} {error.remedy}".strip() for error in result.refused.values())
    return Answer(document, "\n".join(f"{site_id}: {what}" for site_id in result.done), failure)


def _states(site_ids: Sequence[str]) -> Answer:
    rows = list(
        StorageLocation.objects.select_related("area").prefetch_related("attributes").filter(site_id__in=site_ids)
    )
    return Answer({"locations": [_as_json(row) for row in rows]}, "\n".join(map(_line, rows)))


def _few(site_ids: Sequence[str]) -> str:
    return ", ".join(site_ids[:5]) + (f" and {len(site_ids) - 5} more" if len(site_ids) > 5 else "")


def _line(row: StorageLocation) -> str:
    goods = f"full {row.content}".strip() if row.filled else "empty"
    states = [
        f"locked by {row.locked_by}" if row.locked_by else "",
        "disabled" if row.disabled else "",
        f"until {row.disabled_until:%Y-%m-%d %H:%M} UTC" if row.disabled_until else "",
        row.disabled_reason,
        "sensor state unknown" if row.sync_failed else "",
    ]
    state = ", ".join(filter(None, states))
    return f"{row.site_id:<20} {row.area.name:<12} {row.group_name:<12} {goods:<24} {state}".rstrip()


def _as_json(row: StorageLocation) -> dict[str, Any]:
    return {
        "site_id": row.site_id,
        "name": row.name,
        "area": row.area.name,
        "group": row.group_name,
        "type": row.type,
        "filled": row.filled,
        "content": row.content,
        "tags": row.tags,
        "locked": bool(row.locked_by),
        "locked_by": row.locked_by,
        "locked_at": row.locked_at,
        "disabled": row.disabled,
        "disabled_by": row.disabled_by,
        "disabled_reason": row.disabled_reason,
        "disabled_until": row.disabled_until,
        "sync_failed": row.sync_failed,
        "fleet_holder": row.fleet_holder,
        "agv_id": row.agv_id,
        "row": row.row,
        "column": row.column,
        "level": row.level,
        "depth": row.depth,
        "no": row.no,
        "attributes": {one.name: one.value for one in row.attributes.all()},
        "rev": row.rev,
        "changed_at": row.changed_at,
    }
