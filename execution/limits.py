"""Values the engine is given: limits (the tunables) and the facts of the record it runs for. It looks nothing up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one slice and one run. Times in milliseconds, sizes in bytes or characters.

    ``max_steps``: blocks and rounds without waiting, over all slices; ``while_rounds_kept``: rounds of a while loop
    whose block records are kept; ``block_rows``: block records that one run keeps, the newest (what
    stands in no loop is always kept: it runs once); ``log_lines``: lines of its log, the newest;
    ``max_branches``: branches that are open at once, in all parallel blocks together.

    ``slice_steps=1`` ends the slice after every block: the switch of the equivalence test.
    """

    slice_ms: int = 2000
    slice_steps: int = 1_000_000
    flush_rows: int = 2000
    max_block_depth: int = 100
    max_parallel_blocks: int = 10
    max_branches: int = 10_000
    context_bytes: int = 8 * 1024 * 1024
    row_text: int = 8192
    max_steps: int = 5_000_000
    while_rounds_kept: int = 100
    block_rows: int = 50_000
    log_lines: int = 50_000
    path_ring: int = 200
    require_key_route: bool = True
    strict_variables: bool = False


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Facts of the record, for the ``task`` scope of expressions and for the keys of effects.

    ``time_zone``: name of the installation's zone, for texts that say a time.
    """

    record_id: str
    definition_id: str = ""
    label: str = ""
    created_on: str = ""
    status: int = 1000
    priority: int = 1
    attempt: int = 1
    time_zone: str = "UTC"
