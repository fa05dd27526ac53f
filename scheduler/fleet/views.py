"""What an ``orderDetails`` document means to a run: state, vehicle, actions, and the fleet's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

#: The order will not change any more.
FINAL_STATES = frozenset({"FINISHED", "STOPPED", "Error"})
_REASON_LIMIT = 1000
#: Most actions of one order that are read.
_MOST_ACTIONS = 2_000


def clean(value: Any, limit: int = _REASON_LIMIT) -> str:
    """Any value from outside as a text that every database takes: valid Unicode, no zero bytes, at most ``limit``."""
    return str(value)[:limit].encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


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
    state = clean(document.get("state") or "CREATED", 32)
    errors = _entries(document.get("errors"))
    reason = _first_text(errors) or _own_error(document) or _first_text(_entries(document.get("notices")))
    if state == "Error" and not reason:
        reason = "the fleet refuses the parameters of the order"
    actions = [row for row in _entries(document.get("blocks"))[:_MOST_ACTIONS] if row.get("blockId")]
    return SeenOrder(
        state=state,
        vehicle=clean(document.get("vehicle") or (before.vehicle if before else ""), 64),
        blocks={clean(row["blockId"], 190): clean(row.get("state") or "CREATED", 32) for row in actions},
        container_names={
            clean(row["blockId"], 190): clean(row["containerName"], 190) for row in actions if row.get("containerName")
        },
        reason=clean(reason),
        error_codes=tuple(row["code"] for row in errors[:20] if type(row.get("code")) is int and row["code"] < 2**53),
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
