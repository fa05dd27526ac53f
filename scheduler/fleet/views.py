"""What an ``orderDetails`` document means to a run: state, vehicle, actions, and the fleet's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

#: The order will not change any more.
FINAL_STATES = frozenset({"FINISHED", "STOPPED", "Error"})
_REASON_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class SeenOrder:
    """An order as the fleet shows it, in the columns of a ``FleetOrder``."""

    state: str
    vehicle: str = ""
    blocks: Mapping[str, str] = field(default_factory=dict)
    container_names: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    error_codes: tuple[int, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether the fleet is done with the order."""
        return self.state in FINAL_STATES


def read_order(document: Mapping[str, Any], *, before: SeenOrder | None = None) -> SeenOrder:
    """Read an ``orderDetails`` document; missing and odd parts count as absent, never as an error.

    A vehicle that was named once (``before``) stays named.
    """
    state = str(document.get("state") or "CREATED")
    errors = _entries(document.get("errors"))
    reason = _first_text(errors) or _own_error(document) or _first_text(_entries(document.get("notices")))
    if state == "Error" and not reason:
        reason = "the fleet refuses the parameters of the order"
    actions = [row for row in _entries(document.get("blocks")) if row.get("blockId")]
    return SeenOrder(
        state=state[:32],
        vehicle=str(document.get("vehicle") or (before.vehicle if before else ""))[:64],
        blocks={str(row["blockId"]): str(row.get("state") or "CREATED") for row in actions},
        container_names={str(row["blockId"]): str(row["containerName"]) for row in actions if row.get("containerName")},
        reason=reason[:_REASON_LIMIT],
        error_codes=tuple(row["code"] for row in errors if isinstance(row.get("code"), int)),
    )


def lost_order(before: SeenOrder) -> SeenOrder:
    """What becomes of an order that the fleet has forgotten: nobody will ever carry it out."""
    reason = "The fleet does not know this order any more. Was it restarted or cleared?"
    return replace(before, state="STOPPED", reason=reason)


def _entries(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _first_text(entries: list[Mapping[str, Any]]) -> str:
    return next((str(entry["desc"]) for entry in entries if entry.get("desc")), "")


def _own_error(document: Mapping[str, Any]) -> str:
    error = document.get("error")
    if isinstance(error, dict):
        error = error.get("desc")
    return str(error or document.get("msg") or "")
