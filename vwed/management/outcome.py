"""What commands on several runs answer: who was done, who was asked, who was refused and why, who is unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scheduler.errors import Refused
from vwed.management.action import Answer

_UNKNOWN = "Ids are shown by run_task and under Task records."


def refusal_json(refusal: Refused) -> dict[str, str]:
    """A refusal as documents carry it."""
    return {"code": refusal.code, "message": refusal.message, "remedy": refusal.remedy}


def outcome(
    said: Mapping[str, Sequence[str]], refused: Mapping[str, Refused], unknown: Sequence[str], **more: Any
) -> Answer:
    """The answer of a command. ``said``: sentence → the ids it is said of; ``more`` goes into the document.

    Whoever was refused or is unknown makes it a failure.
    """
    lines = [f"{record_id}: {sentence}" for sentence, ids in said.items() for record_id in ids]
    document: dict[str, Any] = {
        **more,
        "refused": {record_id: refusal_json(refusal) for record_id, refusal in refused.items()},
        "unknown": list(unknown),
    }
    if len(refused) == 1 and not lines and not unknown:
        document["error"] = next(iter(document["refused"].values()))
    failures = [f"{refusal.message} {refusal.remedy}".strip() for refusal in refused.values()]
    if unknown:
        failures.append(f"There is no task record {', '.join(unknown)}. {_UNKNOWN}")
    return Answer(document, "\n".join(lines), "\n".join(failures))


def refusals(record_ids: Sequence[str], code: str, message: str, remedy: str) -> dict[str, Refused]:
    """The same refusal for several runs; ``{id}`` in ``message`` stands for the run."""
    return {record_id: Refused(code, message.format(id=record_id), remedy) for record_id in record_ids}
