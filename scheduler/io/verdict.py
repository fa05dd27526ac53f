"""What an answer (or silence) means for an effect: done, failed, or tried again later. Pure: no clock, no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduler.fleet.client import COMPLETE, Answered, RefusedCall, Reply, Unreachable
from scheduler.states import EffectStatus

#: A fleet that says no for a passing reason is asked this often before the block fails.
REFUSALS = 5
#: Calls that nothing depends on: one refusal is enough.
OPTIONAL = frozenset({"dispatchable"})
_LONGEST_EXPONENT = 16


@dataclass(frozen=True, slots=True)
class Claimed:
    """An effect that this process is about to send."""

    pk: int
    key: str
    record_pk: int | None
    kind: str
    target: str
    operation: str
    order_id: str
    block: str
    request: Mapping[str, Any]
    attempts: int
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between two tries: doubling from ``first_s`` to ``longest_s``, half of it by chance."""

    first_s: float = 1.0
    longest_s: float = 60.0

    def pause(self, attempts: int, chance: float) -> float:
        """Seconds after the ``attempts``-th failed try; ``chance`` is from 0 to 1."""
        full = min(self.first_s * float(2 ** min(max(attempts, 1) - 1, _LONGEST_EXPONENT)), self.longest_s)
        return full * (0.5 + 0.5 * chance)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is stored: the new status, the result, and in how many seconds it is tried again (pending only)."""

    status: EffectStatus
    result: Mapping[str, Any] = field(default_factory=dict)
    again_in_s: float | None = None


def judge(effect: Claimed, reply: Reply, backoff: Backoff, chance: Callable[[], float]) -> Verdict:
    """Decide. Silence is tried again without end (the operator sees it and may cancel); a refusal a few times."""
    match reply:
        case Answered(already=already):
            return Verdict(EffectStatus.DONE, {"code": 0, "already": already})
        case RefusedCall(code=code, message=message):
            refusals = int(effect.result.get("refusals", 0)) + 1
            result = {"code": code, "message": message, "refusals": refusals}
            if code == COMPLETE or refusals >= REFUSALS or effect.operation in OPTIONAL:
                return Verdict(EffectStatus.FAILED, result)
            return Verdict(EffectStatus.PENDING, result, backoff.pause(refusals, chance()))
        case Unreachable(reason=reason, maybe_sent=maybe_sent):
            kept = {name: effect.result[name] for name in ("refusals", "log_pk", "repeats") if name in effect.result}
            maybe = maybe_sent or bool(effect.result.get("maybe_sent"))
            result = {**kept, "error": reason, "maybe_sent": maybe}
            return Verdict(EffectStatus.PENDING, result, backoff.pause(effect.attempts, chance()))
