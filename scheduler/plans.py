"""Compiled plans of definition versions, in a bounded cache that belongs to a process."""

from __future__ import annotations

from cachetools import LRUCache

from execution import plan as engine
from execution.plan import Plan
from scheduler import conf
from scheduler.models import DefinitionVersion


class PlanCache:
    """The last ``size`` plans by version. Versions are immutable, so an entry never becomes stale; tunables may."""

    def __init__(self, size: int) -> None:
        self._plans: LRUCache[tuple[int, int, bool], Plan] = LRUCache(maxsize=size)

    def __len__(self) -> int:
        return len(self._plans)

    def kinds(self, version_id: int) -> frozenset[str]:
        """The block types of a version whose plan is in the cache; none when it is not. No query."""
        values = conf.values()
        plan = self._plans.get((version_id, values.max_block_depth, values.strict_variables))
        return plan.kinds if plan is not None else frozenset()

    def get(self, version_id: int) -> Plan:
        """The plan of a version. No query when it is cached, one when not.

        Raises:
            execution.errors.PlanErrors: it does not compile (any more: a limit was lowered, a block type is gone).
            DefinitionVersion.DoesNotExist: there is no such version.
        """
        values = conf.values()
        key = (version_id, values.max_block_depth, values.strict_variables)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _compile(version_id, values)
        return plan


def _compile(version_id: int, values: conf.Values) -> Plan:
    version = DefinitionVersion.objects.select_related("definition").get(pk=version_id)
    return engine.compile(
        version.detail,
        max_block_depth=values.max_block_depth,
        definition_id=version.definition.definition_id,
        strict_variables=values.strict_variables,
    )
