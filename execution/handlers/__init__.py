"""The block families, listed by name: a block exists because its family is imported here."""

from __future__ import annotations

from execution.registry import REGISTRY


def load() -> None:
    """Import every family and freeze the registry. Cheap when it has been done."""
    from execution.handlers import (  # noqa: F401
        cache,
        control,
        data,
        flow,
        lanes,
        loops,
        parallel,
        records,
        robots,
        site_values,
        sites,
        subtasks,
        task,
        texts,
        variables,
    )

    REGISTRY.freeze()
