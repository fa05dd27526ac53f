"""The walker's data: a branch is a stack of frames, a frame is a block that has children or waits."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from execution.effects import ChildFailure, Effect, Left
from execution.jumps import Route
from execution.keeping import Rounds
from execution.keys import execution_key
from execution.limits import Limits, RunInfo
from execution.plan import PlanBlock

READY, WAITING, JOINING, ENDED = range(4)


class Wait:
    """What a branch waits for. ``effect`` is ``None`` in a restored run until the handler has been re-entered."""

    __slots__ = ("args", "block_code", "code", "deadline", "due", "effect", "key", "said", "since")

    def __init__(
        self,
        effect: Effect | None,
        key: str,
        code: str,
        args: Mapping[str, Any],
        since: int,
        due: int | None = None,
        deadline: int | None = None,
        said: str = "",
        block_code: int = 1007,
    ) -> None:
        self.effect = effect
        self.key = key
        self.code = code
        self.args = args
        self.since = since
        self.due = due
        self.deadline = deadline
        self.said = said
        self.block_code = block_code


class Parallel:
    """The branches of a parallel block: ``results`` by branch (``None``: not ended), the window's next one.

    Each child is a branch; with ``copies`` every branch runs all children.
    """

    __slots__ = ("active", "branches", "children", "copies", "following", "results")

    def __init__(self, children: tuple[PlanBlock, ...], count: int, *, copies: bool = False) -> None:
        self.children = children
        self.copies = copies
        self.results: list[ChildFailure | Left | bool | None] = [None] * count
        self.branches: dict[int, Branch] = {}
        self.following = 0
        self.active = 0


class Frame:
    """A block in execution. ``children`` is the branch it runs just now (``None``: the handler has the word).

    ``memo`` holds the answers the handler has had (since its last round), ``inner`` is the iteration of its children,
    ``held`` the bytes of its evaluated params, ``written`` the code its block record was last written with (0: not
    written, or changed since), ``attempt`` the one of the run in which the block was started, ``rounds`` those of a
    loop that keeps the records of its last ones, ``passed`` whether its round began while the branch was skipping.
    """

    __slots__ = (
        "attempt",
        "block",
        "branch",
        "catch",
        "children",
        "cleanup",
        "gen",
        "held",
        "inner",
        "iteration",
        "memo",
        "offers",
        "outputs",
        "parallel",
        "params",
        "passed",
        "pos",
        "quiet",
        "round",
        "rounds",
        "seq",
        "started",
        "written",
    )

    def __init__(self, block: PlanBlock, params: Any, seq: int, iteration: str, started: int) -> None:
        self.block = block
        self.params = params
        self.seq = seq
        self.iteration = iteration
        self.started = started
        self.inner = iteration
        self.children: tuple[PlanBlock, ...] | None = None
        self.branch = ""
        self.pos = 0
        self.catch = False
        self.cleanup = False
        self.gen: Generator[Any, Any, Any] | None = None
        self.memo: list[Any] = []
        self.round: int | None = None
        self.rounds: Rounds | None = None
        self.offers: dict[str, Any] | None = None
        self.outputs: Mapping[str, Any] | None = None
        self.parallel: Parallel | None = None
        self.quiet = False
        self.passed = False
        self.attempt = 1
        self.held = 0
        self.written = 0


class Branch:
    """One strand of execution. The root branch has no ``owner``; others belong to a parallel block of their owner.

    ``heading`` is where it goes at its next turn instead of to its next block: to the end of a ``Route`` (it skips
    what is not on the way), or with a ``Left`` out of all its blocks (another branch has stopped it).
    """

    __slots__ = ("active", "failure", "heading", "index", "key", "owner", "stack", "status", "wait")

    def __init__(self, key: str, owner: Branch | None, index: int, base: Frame) -> None:
        self.key = key
        self.owner = owner
        self.index = index
        self.stack = [base]
        self.status = READY
        self.active = True
        self.wait: Wait | None = None
        self.failure: ChildFailure | None = None
        self.heading: Route | Left | None = None


class Here:
    """What a handler may know of where it stands."""

    __slots__ = ("_branch", "_frame", "_info", "_key", "limits")

    def __init__(self, info: RunInfo, limits: Limits, branch: Branch | None = None, frame: Frame | None = None) -> None:
        self.limits = limits
        self._info = info
        self._branch = branch
        self._frame = frame
        self._key = ""

    @property
    def info(self) -> RunInfo:
        """Facts of the record: the same in every slice of an attempt."""
        return self._info

    @property
    def record_id(self) -> str:
        """The record this run belongs to."""
        return self._info.record_id

    @property
    def block_type(self) -> str:
        """The block's type as the definition spells it; one handler may serve many."""
        return self._frame.block.type if self._frame is not None else ""

    @property
    def key(self) -> str:
        """The key of this block execution: the same after a crash, different in every round of a loop."""
        if not self._key and self._frame is not None:
            self._key = execution_key(self._info, self._frame.block.name, self._frame.iteration, self._frame.attempt)
        return self._key

    @property
    def offers(self) -> Mapping[str, Any]:
        """What this block offers to the blocks inside it, with their amendments."""
        return (self._frame.offers if self._frame is not None else None) or {}

    def offered(self, name: str) -> Any:
        """The value the nearest enclosing block offers under that name, else ``None``."""
        frame = offering_frame(self._branch, self._frame, name)
        return None if frame is None or frame.offers is None else frame.offers[name]


def offering_frame(branch: Branch | None, inside: Frame | None, name: str) -> Frame | None:
    """The nearest frame around ``inside`` that offers ``name``."""
    while branch is not None:
        for frame in reversed(branch.stack):
            if frame is not inside and frame.offers is not None and name in frame.offers:
                return frame
        branch = branch.owner
    return None
