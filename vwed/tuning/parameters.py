"""Every tunable, declared once. Defaults live in ``scheduler.conf.Values``; bounds, units and meaning live here."""

from __future__ import annotations

import difflib
from dataclasses import fields

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from scheduler.conf import Values
from scheduler.errors import Refused
from vwed.tuning.parameter import Parameter, TakesEffect, Value

NOW, NEXT, NEW = TakesEffect.NOW, TakesEffect.NEXT_SLICE, TakesEffect.NEW
REPLACE, POOLED = TakesEffect.CLUSTER, TakesEffect.POOL

_SUFFIXES = {"_s": "s", "_ms": "ms", "_days": "days", "_hours": "h", "_bytes": "bytes"}
#: Variables that are older than the rule that the others follow.
_VARIABLES = {"workers": "WORKERS"}
_DEFAULTS: dict[str, Value] = {field.name: getattr(Values(), field.name) for field in fields(Values)}

CLUSTER, ENGINE, LOCATIONS, SYSTEMS = "cluster", "engine", "locations", "systems"
WATCH, DATABASE, RETENTION = "watch", "database", "retention"

GROUPS = (
    (CLUSTER, _("Clusters and queues")),
    (ENGINE, _("Runs and blocks")),
    (LOCATIONS, _("Waiting for locations")),
    (SYSTEMS, _("Fleet and other systems")),
    (WATCH, _("Memory watch")),
    (DATABASE, _("Database pool of the console")),
    (RETENTION, _("Retention")),
)


def _declare(
    field: str,
    group: str,
    bounds: tuple[float | None, float | None],
    effect: TakesEffect,
    text: Promise,
    unit: str | None = None,
) -> Parameter:
    """One entry; the public name is the field's without its time unit, which is a property of its own."""
    suffix = next((end for end in _SUFFIXES if field.endswith(end)), "")
    shortened = suffix in {"_s", "_ms"}
    return Parameter(
        name=field.removesuffix(suffix) if shortened else field,
        field=field,
        default=_DEFAULTS[field],
        unit=_SUFFIXES.get(suffix, "") if unit is None else unit,
        minimum=bounds[0],
        maximum=bounds[1],
        group=group,
        effect=effect,
        help=text,
        variable=_VARIABLES.get(field, f"VWED_{field.upper()}"),
    )


_FREE = (None, None)
_DAYS = (1, 3650)
_ROWS = (1000, 100_000_000)

PARAMETERS: tuple[Parameter, ...] = (
    _declare("workers", CLUSTER, (1, 256), REPLACE, _("Worker processes of each cluster."), "processes"),
    _declare("recycle", CLUSTER, (1, 1_000_000), REPLACE, _("Tasks after which a worker is renewed."), "tasks"),
    _declare(
        "cluster_timeout_s",
        CLUSTER,
        (60, 86_400),
        REPLACE,
        _("A worker that is busy with one task for so long is ended."),
    ),
    _declare(
        "cluster_retry_s",
        CLUSTER,
        (61, 172_800),
        REPLACE,
        _("After this the queue takes a task for lost; longer than the time-out, else it would be started twice."),
    ),
    _declare(
        "housekeeping_interval_s",
        CLUSTER,
        (0.2, 2),
        NOW,
        _("How often each process renews its leases, reads cancel requests and reports itself."),
    ),
    _declare(
        "lease_min_s",
        CLUSTER,
        (2, 600),
        NEXT,
        _("A run belongs to its worker at least this long without a renewal; then it is rescued."),
    ),
    _declare(
        "claim_stale_s", CLUSTER, (3, 600), NOW, _("A run handed to a cluster and not started goes back after this.")
    ),
    _declare("claims_per_worker", CLUSTER, (1, 16), NOW, _("Runs a cluster may hold ready for each of its workers.")),
    _declare(
        "recovery_limit", CLUSTER, (0, 100), NOW, _("Deaths of a worker under a run before it counts as unrecoverable.")
    ),
    _declare("ageing_s", CLUSTER, (1, 86_400), NEW, _("Waiting this long is worth one step of priority.")),
    _declare("default_queue", CLUSTER, _FREE, NEW, _("Queue of runs whose definition names none.")),
    _declare("max_queued", CLUSTER, (1, 100_000_000), NEW, _("Runs that have not ended; further ones are refused.")),
    _declare("slice_ms", ENGINE, (50, 60_000), NEXT, _("Pure work of one run before others get their turn.")),
    _declare("max_block_depth", ENGINE, (1, 1000), NEW, _("Nesting of blocks that is accepted.")),
    _declare(
        "max_parallel_blocks", ENGINE, (1, 100), NEXT, _("Branches of a parallel block that are active at a time.")
    ),
    _declare("max_branches", ENGINE, (100, 1_000_000), NEXT, _("Branches one run may have open at once."), "branches"),
    _declare("context_bytes", ENGINE, (65_536, 268_435_456), NEXT, _("Inputs, variables and outputs a run may hold.")),
    _declare(
        "recorded_text",
        ENGINE,
        (256, 1_048_576),
        NEXT,
        _("Characters of inputs and outputs kept per block record."),
        "characters",
    ),
    _declare("require_key_route", ENGINE, _FREE, NEXT, _("Whether choosing a robot needs a key route.")),
    _declare("strict_variables", ENGINE, _FREE, NEXT, _("Whether reading an unknown task variable is an error.")),
    _declare("plan_cache", ENGINE, (1, 4096), NEW, _("Compiled definitions each worker keeps.")),
    _declare(
        "max_steps",
        ENGINE,
        (1000, 1_000_000_000),
        NEXT,
        _("Blocks and rounds a run may do without ever waiting: an endless loop is stopped."),
        "blocks",
    ),
    _declare(
        "while_rounds_kept",
        ENGINE,
        (1, 10_000),
        NEXT,
        _("Rounds of a while loop whose block records are kept, the newest."),
        "rounds",
    ),
    _declare("block_rows", ENGINE, (1000, 10_000_000), NEXT, _("Block records kept of one run, the newest."), "rows"),
    _declare("log_lines", ENGINE, (1000, 10_000_000), NEXT, _("Log lines kept of one run, the newest."), "rows"),
    _declare("max_task_depth", ENGINE, (1, 100), NEW, _("How deep sub-tasks may call sub-tasks."), "calls"),
    _declare("cache_entries", ENGINE, (10, 1_000_000), NOW, _("Values the shared cache may hold."), "values"),
    _declare(
        "cache_text", ENGINE, (100, 1_048_576), NOW, _("Characters of one value in the shared cache."), "characters"
    ),
    _declare(
        "max_retries",
        LOCATIONS,
        (1, 1_000_000),
        NEW,
        _("Attempts to get a location before the block fails, where the definition gives none."),
    ),
    _declare(
        "max_pending_requests",
        LOCATIONS,
        (1, 10_000_000),
        NEW,
        _("Requests for locations that may wait; further ones are refused."),
    ),
    _declare("match_sweep_s", LOCATIONS, (0.5, 600), NOW, _("How often missed grants are looked for.")),
    _declare("cleanup_interval_s", LOCATIONS, (1, 86_400), NOW, _("How often ended requests are cleaned up.")),
    _declare("completed_request_ttl_s", LOCATIONS, (1, 604_800), NOW, _("How long an ended request stays visible.")),
    _declare("effects_at_once", SYSTEMS, (1, 1000), NOW, _("Calls to other systems under way at a time.")),
    _declare("effects_per_target", SYSTEMS, (1, 100), NOW, _("Calls to one system under way at a time.")),
    _declare("effect_timeout_s", SYSTEMS, (0.5, 300), NOW, _("How long one call may take.")),
    _declare("effect_retry_min_s", SYSTEMS, (0.05, 600), NOW, _("First pause before a failed call is repeated.")),
    _declare("effect_retry_max_s", SYSTEMS, (0.1, 3600), NOW, _("Longest pause before a failed call is repeated.")),
    _declare("breaker_failures", SYSTEMS, (1, 1000), NOW, _("Failures in a row after which a system is left alone.")),
    _declare("breaker_pause_s", SYSTEMS, (0.5, 3600), NOW, _("How long a failing system is left alone.")),
    _declare(
        "order_poll_s", SYSTEMS, (0.05, 60), NOW, _("How often the states of all open fleet orders are asked for.")
    ),
    _declare(
        "growth_mb_per_day",
        WATCH,
        (0.1, 100_000),
        NOW,
        _("Memory of a process that grows faster than this is reported."),
        "MB",
    ),
    _declare(
        "memory_limit_mb",
        WATCH,
        (100, 10_000_000),
        NOW,
        _("Memory that the whole system is meant to stay under."),
        "MB",
    ),
    _declare(
        "leak_blocks_per_1000",
        WATCH,
        (10, 1_000_000),
        NOW,
        _("Allocated blocks that 1,000 runs may leave behind before it counts as a leak."),
        "memory blocks",
    ),
    _declare("pool_size", DATABASE, (1, 500), POOLED, _("Connections each web process keeps open."), "connections"),
    _declare(
        "pool_overflow",
        DATABASE,
        (0, 1000),
        POOLED,
        _("Connections each web process may open beyond its pool, for a moment."),
        "connections",
    ),
    _declare("pool_recycle_s", DATABASE, (30, 28_000), POOLED, _("Age at which a pooled connection is renewed.")),
    _declare(
        "pool_timeout_s",
        DATABASE,
        (1, 300),
        POOLED,
        _("How long a request waits for a connection before it is refused."),
    ),
    _declare("record_days", RETENTION, _DAYS, NOW, _("Days that ended task records are kept.")),
    _declare("record_rows", RETENTION, _ROWS, NOW, _("Ended task records that are kept at most.")),
    _declare("block_record_days", RETENTION, _DAYS, NOW, _("Days that block records are kept.")),
    _declare("block_record_rows", RETENTION, _ROWS, NOW, _("Block records that are kept at most.")),
    _declare("log_days", RETENTION, _DAYS, NOW, _("Days that task log lines are kept.")),
    _declare("log_rows", RETENTION, _ROWS, NOW, _("Task log lines that are kept at most.")),
    _declare("effect_days", RETENTION, _DAYS, NOW, _("Days that ended calls to other systems are kept.")),
    _declare("effect_rows", RETENTION, _ROWS, NOW, _("Ended calls to other systems that are kept at most.")),
    _declare("journal_rows", RETENTION, _ROWS, NOW, _("Journal entries that are kept at most.")),
    _declare("audit_days", RETENTION, _DAYS, NOW, _("Days that audit entries are kept.")),
    _declare("audit_rows", RETENTION, _ROWS, NOW, _("Audit entries that are kept at most.")),
    _declare("counter_days", RETENTION, _DAYS, NOW, _("Days that counters of ended runs are kept.")),
    _declare("process_hours", RETENTION, (1, 8760), NOW, _("Hours that rows of ended processes are kept.")),
    _declare(
        "kept_state_days",
        RETENTION,
        (1, 365),
        NOW,
        _("How long a failed run can be continued from its failed block."),
    ),
    _declare(
        "kept_state_rows", RETENTION, (0, 1_000_000), NOW, _("Failed runs that can be continued at most, the newest.")
    ),
    _declare("event_days", RETENTION, _DAYS, NOW, _("How long events of tasks are kept.")),
    _declare("event_rows", RETENTION, _ROWS, NOW, _("Most events of tasks kept."), "rows"),
    _declare(
        "sample_rows",
        RETENTION,
        (10_000, 100_000_000),
        NOW,
        _("Samples of processes' memory kept at most; the oldest of each resolution go first."),
        "rows",
    ),
    _declare(
        "setting_changes",
        RETENTION,
        (100, 100_000),
        NOW,
        _("Changes of settings kept at most, the newest; what is in force stays."),
        "rows",
    ),
    _declare("prune_batch", RETENTION, (10, 100_000), NOW, _("Rows deleted in one statement."), "rows"),
)


def find(name: str) -> Parameter:
    """The parameter of that name (its field's name is understood too).

    Raises:
        Refused: ``unknown_parameter``, suggesting the nearest names.
    """
    for parameter in PARAMETERS:
        if name in (parameter.name, parameter.field):
            return parameter
    near = difflib.get_close_matches(name, [parameter.name for parameter in PARAMETERS], n=3, cutoff=0.5)
    remedy = (
        gettext("Did you mean %(names)s?") % {"names": ", ".join(near)}
        if near
        else gettext("manage.py tune list shows all of them.")
    )
    raise Refused("unknown_parameter", gettext("There is no setting %(name)s.") % {"name": name[:64]}, remedy)
