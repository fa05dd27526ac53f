"""The words of the audit log: its rows hold codes, names of fields and plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from scheduler.models import AuditEntry
from scheduler.states import Status
from storage.states import RequestState

ORIGINS: tuple[tuple[str, Promise], ...] = (
    ("page", _("Console")),
    ("command", _("Command")),
    ("api", _("Interface")),
    ("service", _("Service")),
    ("demo", _("Demo")),
)
ACTIONS: Mapping[str, Promise] = {
    "run_task": _("Run a task"),
    "cancel": _("Cancel a run"),
    "pause": _("Pause a run"),
    "resume": _("Resume a run"),
    "continue": _("Continue a run"),
    "skip": _("Skip a block"),
    "restart": _("Start a run again"),
    "set_priority": _("Change the priority of a run"),
    "import_definition": _("Import a definition"),
    "restore_definition": _("Bring back an earlier version"),
    "enable_definition": _("Enable a definition"),
    "disable_definition": _("Disable a definition"),
    "change_periodic": _("Change a periodic start"),
    "fill_location": _("Mark a location as full"),
    "empty_location": _("Mark a location as empty"),
    "lock_location": _("Lock a location"),
    "unlock_location": _("Unlock a location"),
    "release_location": _("Release a location"),
    "disable_location": _("Take a location out of use"),
    "enable_location": _("Put a location back into use"),
    "create_location": _("Create a location"),
    "withdraw_request": _("Withdraw a storage request"),
    "add_cached_value": _("Add a cached value"),
    "change_cached_value": _("Change a cached value"),
    "remove_cached_value": _("Remove a cached value"),
    "change_setting": _("Change a setting"),
    "ack_alert": _("Acknowledge an alert"),
    "change_alert_rule": _("Change an alert rule"),
    "test_alert_delivery": _("Test the delivery of alerts"),
    "probe_collect": _("Collect the garbage of a process"),
    "probe_snapshot": _("Take a heap snapshot"),
    "probe_trace": _("Trace allocations"),
    "probe_map": _("Read a memory map"),
    "probe_stack": _("Read what threads do"),
    "recycle_worker": _("Recycle a worker"),
    "kill_connection": _("Kill a database connection"),
    "cancel_setting": _("Cancel a scheduled change of settings"),
    "rollback_setting": _("Roll settings back"),
    "replace_clusters": _("Replace the clusters"),
    "sign_in": _("Sign in"),
    "create_administrator": _("Create the first administrator"),
    "add_user": _("Add a user"),
    "change_user": _("Change a user"),
    "delete_user": _("Delete a user"),
    "change_password": _("Change a password"),
    "add_role": _("Add a role"),
    "change_role": _("Change a role"),
    "delete_role": _("Delete a role"),
}
FIELDS: Mapping[str, Promise] = {
    "status": _("status"),
    "definition": _("definition"),
    "priority": _("priority"),
    "attempt": _("attempt"),
    "block": _("block"),
    "action": _("outcome"),
    "version": _("version"),
    "file": _("file"),
    "restored": _("brought back"),
    "enabled": _("enabled"),
    "periodic": _("periodic task"),
    "periodic_enabled": _("periodic start enabled"),
    "period_ms": _("period (ms)"),
    "delay_ms": _("delay (ms)"),
    "filled": _("full"),
    "content": _("content"),
    "locked_by": _("locked by"),
    "disabled": _("out of use"),
    "sync_failed": _("state unknown"),
    "area": _("area"),
    "state": _("state"),
    "holder": _("run that waits"),
    "group": _("group"),
    "row": _("row"),
    "column": _("column"),
    "value": _("value"),
    "draining": _("draining"),
    "seconds": _("seconds"),
    "name": _("name"),
    "username": _("user name"),
    "is_active": _("active"),
    "is_staff": _("may open the console"),
    "is_superuser": _("may do everything"),
    "groups": _("roles"),
    "permissions": _("permissions"),
    "acked_by": _("acknowledged by"),
    "until": _("until"),
    "severity": _("severity"),
    "threshold": _("threshold"),
    "hold_s": _("hold time (s)"),
    "clear_margin": _("clear margin"),
    "receivers": _("receivers"),
    "at": _("effective from"),
    "change": _("change of settings"),
    "scheduled": _("scheduled"),
    "superseded": _("superseded"),
    "clusters": _("clusters"),
    "refused": _("refused"),
}
#: Words among the values of a field; everything else is a name or a number.
_VALUES: Mapping[str, Mapping[str, str | Promise]] = {
    "status": {**{str(status): status.label for status in Status}, "cancel requested": _("asked to stop")},
    "state": {str(state): state.label for state in RequestState},
    "action": {
        "created": _("new"),
        "new_version": _("new version"),
        "same": _("unchanged"),
        "settings": _("settings changed"),
    },
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field before and after. ``old`` is nothing when the entry tells only what is now."""

    field: str | Promise
    old: str | None
    new: str


def action_word(code: str) -> str | Promise:
    """What was done; an unknown code stands for itself."""
    return ACTIONS.get(code, code)


def differences(entry: AuditEntry) -> list[Difference]:
    """What an entry says about its object, field by field."""
    return [
        Difference(
            FIELDS.get(name, name),
            _word(name, entry.before[name]) if name in entry.before else None,
            _word(name, entry.after.get(name)),
        )
        for name in {**entry.before, **entry.after}
    ]


def _word(field: str, value: Any) -> str:
    if value is None or value == "" or value == []:
        return "–"
    if isinstance(value, bool):
        return _now("yes") if value else _now("no")
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(_VALUES.get(field, {}).get(str(value), value))
