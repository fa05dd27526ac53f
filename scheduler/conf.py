"""Values that can be tuned, as the scheduler, the engine and the storage need them. They come from outside.

Nothing below the web layer looks a tunable up: ``vwed`` installs a source with ``use()`` when Django starts; without
one the defaults hold. Every default is the figure of the requirements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import astuple, dataclass

from execution.limits import Limits

#: A lease lasts at least this many housekeeping intervals.
LEASE_TICKS = 5


@dataclass(frozen=True, slots=True)
class Values:
    """Every tunable. Seconds end in ``_s``, milliseconds in ``_ms``, days in ``_days``, bytes in ``_bytes``."""

    # Clusters and claims
    workers: int = 2
    recycle: int = 5000
    cluster_timeout_s: int = 3600
    cluster_retry_s: int = 7200
    housekeeping_interval_s: float = 2.0
    lease_min_s: float = 10.0
    claim_stale_s: float = 10.0
    claims_per_worker: int = 4
    recovery_limit: int = 3
    ageing_s: int = 60
    default_queue: str = "default"
    max_queued: int = 1_000_000

    # The engine
    slice_ms: int = 2000
    max_block_depth: int = 100
    max_parallel_blocks: int = 10
    max_branches: int = 10_000
    context_bytes: int = 8 * 1024 * 1024
    recorded_text: int = 8192
    require_key_route: bool = True
    strict_variables: bool = False
    plan_cache: int = 64
    max_steps: int = 5_000_000
    while_rounds_kept: int = 100
    block_rows: int = 50_000
    log_lines: int = 50_000
    max_task_depth: int = 20
    cache_entries: int = 10_000
    cache_text: int = 65_536

    # Waits for locations
    max_retries: int = 1000
    max_pending_requests: int = 20_000
    match_sweep_s: float = 5.0
    cleanup_interval_s: float = 60.0
    completed_request_ttl_s: float = 300.0

    # Other systems
    effects_at_once: int = 100
    effects_per_target: int = 10
    effect_timeout_s: float = 10.0
    effect_retry_min_s: float = 1.0
    effect_retry_max_s: float = 60.0
    breaker_failures: int = 5
    breaker_pause_s: float = 15.0
    order_poll_s: float = 0.5

    # The memory watch
    growth_mb_per_day: float = 10.0
    memory_limit_mb: int = 1000
    leak_blocks_per_1000: int = 200

    # Retention: whichever bound is reached first
    record_days: int = 365
    record_rows: int = 1_000_000
    block_record_days: int = 30
    block_record_rows: int = 1_000_000
    log_days: int = 30
    log_rows: int = 1_000_000
    effect_days: int = 30
    effect_rows: int = 200_000
    journal_rows: int = 3_000_000
    audit_days: int = 730
    audit_rows: int = 500_000
    counter_days: int = 90
    process_hours: int = 24
    kept_state_days: int = 7
    kept_state_rows: int = 5_000
    event_days: int = 30
    event_rows: int = 100_000
    sample_rows: int = 450_000
    setting_changes: int = 1000
    prune_batch: int = 1000

    # The database pool of the web processes
    pool_size: int = 10
    pool_overflow: int = 20
    pool_recycle_s: int = 600
    pool_timeout_s: int = 30

    @property
    def lease_s(self) -> float:
        """How long a started run belongs to its worker without a renewal."""
        return max(self.lease_min_s, LEASE_TICKS * self.housekeeping_interval_s)

    def digest(self) -> str:
        """A short proof of these values: processes with the same digest have the same values."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()[:16]

    def limits(self) -> Limits:
        """The bounds of one slice, as the engine takes them."""
        return Limits(
            slice_ms=self.slice_ms,
            max_block_depth=self.max_block_depth,
            max_parallel_blocks=self.max_parallel_blocks,
            max_branches=self.max_branches,
            context_bytes=self.context_bytes,
            row_text=self.recorded_text,
            require_key_route=self.require_key_route,
            strict_variables=self.strict_variables,
            max_steps=self.max_steps,
            while_rounds_kept=self.while_rounds_kept,
            block_rows=self.block_rows,
            log_lines=self.log_lines,
        )


class _Installed:
    """Where the values come from. One per process, installed before anything runs."""

    def __init__(self) -> None:
        self.source: Callable[[], Values] | None = None
        self.defaults = Values()


_INSTALLED = _Installed()


def values() -> Values:
    """The values in force now."""
    source = _INSTALLED.source
    return _INSTALLED.defaults if source is None else source()


def use(source: Callable[[], Values] | None) -> None:
    """Take the values from ``source`` from now on (cheap: it is called often); ``None`` goes back to the defaults."""
    _INSTALLED.source = source
