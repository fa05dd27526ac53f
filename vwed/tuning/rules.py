"""What values must be towards each other: faults of a whole set of values, each told at the parameter it concerns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _

from scheduler.conf import LEASE_TICKS, Values
from vwed.tuning.facts import Facts
from vwed.tuning.projection import connection_sum

#: Parameter name → what is wrong with its value, in words of the active language.
Problems = dict[str, tuple[str, ...]]


def check(values: Values, facts: Facts | None = None) -> Problems:
    """Every fault of ``values``; the connections are only counted when ``facts`` are given. No query."""
    found: dict[str, list[str]] = {}
    for name, words in _faults(values, facts):
        found.setdefault(name, []).append(words)
    return {name: tuple(words) for name, words in found.items()}


def new_problems(before: Values, after: Values, facts: Facts | None = None) -> Problems:
    """Faults that ``after`` has and ``before`` had not: nobody is kept from repairing one thing by another."""
    old = check(before, facts)
    return {name: words for name, words in check(after, facts).items() if old.get(name) != words}


def _faults(values: Values, facts: Facts | None) -> Iterator[tuple[str, str]]:
    yield from _times(values)
    yield from _rows(values)
    if facts is not None and facts.max_connections is not None:
        total = connection_sum(values, facts).total
        if total > facts.max_connections:
            words = _("Together %(total)d connections could be open; the database server allows %(limit)d.")
            yield "pool_size", words % {"total": total, "limit": facts.max_connections}


def _times(values: Values) -> Iterator[tuple[str, str]]:
    if values.cluster_timeout_s >= values.cluster_retry_s:
        words = _("The time-out (%(timeout)d s) must be below the retry time (%(retry)d s): else a task starts twice.")
        yield "cluster_timeout", words % {"timeout": values.cluster_timeout_s, "retry": values.cluster_retry_s}
    least = LEASE_TICKS * values.housekeeping_interval_s
    if values.lease_min_s < least:
        words = _("A lease must outlive %(ticks)d housekeeping intervals: at least %(least)g s.")
        yield "lease_min", words % {"ticks": LEASE_TICKS, "least": least}
    if values.claim_stale_s <= values.housekeeping_interval_s:
        words = _("Must be longer than the housekeeping interval (%(interval)g s).")
        yield "claim_stale", words % {"interval": values.housekeeping_interval_s}
    if values.slice_ms / 1000 >= values.lease_min_s:
        words = _("A slice must be shorter than the lease (%(lease)g s).")
        yield "slice", words % {"lease": values.lease_min_s}
    if values.effect_retry_min_s > values.effect_retry_max_s:
        words = _("The first pause must not be longer than the longest one (%(longest)g s).")
        yield "effect_retry_min", words % {"longest": values.effect_retry_max_s}
    if values.effects_per_target > values.effects_at_once:
        words = _("Calls to one system cannot be more than calls to all of them (%(all)d).")
        yield "effects_per_target", words % {"all": values.effects_at_once}


#: The days of the second must not outlast those of the first, which it belongs to.
_WITHIN = (("record_days", "block_record_days"), ("record_days", "log_days"), ("record_days", "kept_state_days"))


def _rows(values: Values) -> Iterator[tuple[str, str]]:
    for whole, part in _WITHIN:
        longest = getattr(values, whole)
        if getattr(values, part) > longest:
            words = _("Cannot be kept longer than the task records they belong to (%(days)d days).")
            yield part, words % {"days": longest}
    if values.block_rows > values.block_record_rows:
        words = _("One run may not have more block records than all runs together (%(rows)d).")
        yield "block_rows", words % {"rows": values.block_record_rows}
    if values.log_lines > values.log_rows:
        words = _("One run may not have more log lines than all runs together (%(rows)d).")
        yield "log_lines", words % {"rows": values.log_rows}
    if values.prune_batch > values.record_rows:
        words = _("One statement cannot delete more rows than are kept (%(rows)d).")
        yield "prune_batch", words % {"rows": values.record_rows}


def merged(first: Mapping[str, tuple[str, ...]], second: Mapping[str, tuple[str, ...]]) -> Problems:
    """Both, the words of the first before those of the second."""
    return {name: first.get(name, ()) + second.get(name, ()) for name in dict.fromkeys([*first, *second])}
