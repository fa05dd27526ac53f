"""The rules: what is watched, from which value on, how long before it counts, and how bad it is.

A value is in the unit of its rule; a rule that knows only yes and no (``switch``) has 1 and 0. What somebody changed is
an ``AlertRule`` row over the declaration; ``in_force`` puts the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vwed.models import AlertRule

CRITICAL, WARNING, INFORMATION = "critical", "warning", "information"
#: Worst first; the number stands in frames.
SEVERITIES: tuple[str, ...] = (CRITICAL, WARNING, INFORMATION)
#: The row whose receivers hold for every rule that names none of its own.
EVERY_RULE = "*"
#: Bounds of every rule's hold time (seconds), and receivers of one rule.
LONGEST_HOLD_S = 86_400.0
RECEIVER_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``kind``: what its objects are (``process``, ``queue``, ``record`` …; empty: the whole system).

    An ``event`` opens at once, and its reader counts the hold time from the event itself. ``local``: each host reads
    its own objects, whose names begin with the host's. ``told``: alerts of it are sent to receivers.
    """

    code: str
    severity: str
    unit: str = ""
    threshold: float = 0.0
    least: float = 0.0
    most: float = 1e9
    hold_s: float = 0.0
    clear_margin: float = 0.0
    kind: str = ""
    switch: bool = False
    event: bool = False
    local: bool = False
    told: bool = True
    enabled: bool = True
    receivers: tuple[str, ...] = ()


RULES: tuple[Rule, ...] = (
    Rule("no_cluster", CRITICAL, hold_s=10, switch=True),
    Rule("fleet_silent", CRITICAL, hold_s=10, switch=True),
    Rule("server_connections", CRITICAL, "%", 80, 1, 100, 30, 5),
    Rule("disk", CRITICAL, "%", 90, 1, 100, 30, 2, kind="volume", local=True),
    Rule("process_died", WARNING, hold_s=180, kind="seat", switch=True, event=True),
    Rule("queue_age", WARNING, "s", 60, 1, 86_400, 10, 10, kind="queue"),
    Rule("failure_rate", WARNING, "%", 20, 0.1, 100, 60, 5),
    Rule("stuck_run", WARNING, "s", 600, 5, 86_400 * 7, 0, 0, kind="record"),
    Rule("overdue_run", WARNING, "s", 60, 5, 86_400, 10, 0, kind="record"),
    Rule("undecided_run", WARNING, "s", 1800, 5, 86_400 * 7),
    Rule("memory_total", WARNING, "MB", 1000, 50, 1_000_000, 60, 50),
    Rule("memory_growth", WARNING, "MB/day", 0, 0, 100_000, 15, 0, kind="subject"),
    Rule("runs_growth", WARNING, "blocks", 0, 0, 1_000_000, 15, 0),
    Rule("context_alive", WARNING, "contexts", 0, 0, 10_000, 0, 0, kind="process"),
    Rule("pool_in_use", WARNING, "%", 80, 1, 100, 30, 10, kind="process"),
    Rule("pool_waits", WARNING, "waits", 5, 0, 100_000, 10, 0, kind="process"),
    Rule("service_failed", WARNING, hold_s=15, kind="service", switch=True),
    Rule("delivery_failed", WARNING, "deliveries", 0, 0, 10_000, 0, 0, told=False),
)
BY_CODE: Mapping[str, Rule] = {rule.code: rule for rule in RULES}


def in_force(rows: Mapping[str, AlertRule] | None = None) -> dict[str, Rule]:
    """Every rule with what was changed about it, by code. One query, none with ``rows``.

    A changed threshold that today's bounds do not allow is brought within them.
    """
    stored = changed_rows() if rows is None else rows
    common = receivers_of(stored[EVERY_RULE].receivers) if EVERY_RULE in stored else ()
    return {rule.code: _changed(rule, stored.get(rule.code), common) for rule in RULES}


def changed_rows() -> dict[str, AlertRule]:
    """What was changed, by code. One query."""
    return {row.code: row for row in AlertRule.objects.all()[: 4 * len(RULES)]}


def _changed(rule: Rule, row: AlertRule | None, common: tuple[str, ...]) -> Rule:
    if row is None:
        return replace(rule, receivers=common)
    values: dict[str, Any] = {"enabled": row.enabled, "receivers": receivers_of(row.receivers) or common}
    if row.threshold is not None and not rule.switch:
        values["threshold"] = min(max(row.threshold, rule.least), rule.most)
    if row.hold_s is not None:
        values["hold_s"] = min(max(row.hold_s, 0.0), LONGEST_HOLD_S)
    if row.clear_margin is not None and not rule.switch:
        values["clear_margin"] = max(row.clear_margin, 0.0)
    if row.severity in SEVERITIES:
        values["severity"] = row.severity
    return replace(rule, **values)


def receivers_of(text: str) -> tuple[str, ...]:
    """The addresses of a text, one a line, each once."""
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))[:RECEIVER_LIMIT]


def severity_rank(severity: str) -> int:
    """0 for the worst."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
