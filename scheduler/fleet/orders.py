"""Order rows: which are open, what the fleet said about them, and the end of those that nobody needs any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from scheduler import clock
from scheduler.fleet.views import SeenOrder
from scheduler.models import Effect, FleetOrder, TaskRecord
from scheduler.states import ENDED, EffectStatus

#: Most open orders that are followed at once.
MAX_OPEN = 5_000
TARGET = "fleet"

Wake = Callable[[Sequence[str]], object]


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order row that is not closed, as it was read; ``rev`` guards the update."""

    pk: int
    order_id: str
    record_pk: int | None
    rev: int
    seen: SeenOrder


def note_sent(order_id: str, record_pk: int | None, block: str, now: datetime) -> None:
    """The fleet has accepted an order: from now on it is polled. Said again it changes nothing."""
    FleetOrder.objects.get_or_create(
        order_id=order_id, defaults={"record_id": record_pk, "block": block, "created_at": now, "updated_at": now}
    )


def request_termination(orders: Iterable[tuple[str, int | None, str]], now: datetime) -> None:
    """Ask the fleet, once per order (id, record, block), to stop them; no robot is taken out of dispatch.

    An order that the run itself has asked to stop is not asked again.
    """
    wanted = list(orders)
    by_runs = Effect.objects.filter(record_id__in={pk for _, pk, _ in wanted}, operation="terminate")
    asked = set(by_runs.exclude(status=EffectStatus.FAILED).values_list("order_id", flat=True))
    Effect.objects.bulk_create(
        [
            Effect(
                key=f"{order_id}:terminate",
                record_id=record_pk,
                kind="fleet",
                target=TARGET,
                operation="terminate",
                order_id=order_id,
                block=block,
                request={"id": order_id, "disableVehicle": False},
                due_at=now,
                created_at=now,
            )
            for order_id, record_pk, block in wanted
            if order_id not in asked
        ],
        ignore_conflicts=True,
    )


def open_orders() -> list[OpenOrder]:
    """Every order that is not closed, oldest first, at most ``MAX_OPEN``."""
    rows = FleetOrder.objects.filter(closed=False).order_by("pk")[:MAX_OPEN]
    seen = ("state", "vehicle", "blocks", "container_names", "reason", "error_codes")
    return [
        OpenOrder(pk, order_id, record_pk, rev, SeenOrder(state, vehicle, blocks, names, reason, tuple(codes)))
        for pk, order_id, record_pk, rev, state, vehicle, blocks, names, reason, codes in rows.values_list(
            "pk", "order_id", "record_id", "rev", *seen
        )
    ]


def store_seen(changes: Sequence[tuple[OpenOrder, SeenOrder]], wake: Wake) -> int:
    """Write what changed and wake the runs that wait for it, in one transaction; how many this call changed."""
    now = clock.now()
    keys: list[str] = []
    with transaction.atomic():
        lock_records(order.record_pk for order, _ in changes)
        for order, seen in changes:
            changed = FleetOrder.objects.filter(pk=order.pk, rev=order.rev).update(
                state=seen.state,
                vehicle=seen.vehicle,
                blocks=dict(seen.blocks),
                container_names=dict(seen.container_names),
                reason=seen.reason,
                error_codes=list(seen.error_codes),
                rev=order.rev + 1,
                closed=seen.closed,
                updated_at=now,
            )
            if changed:
                keys.append(f"order:{order.order_id}")
        if keys:
            wake(keys)
    return len(keys)


def lock_records(pks: Iterable[int | None]) -> dict[int, str]:
    """Lock these runs' rows in the order that everybody keeps (records before anything else); their statuses."""
    records = TaskRecord.objects.select_for_update().filter(pk__in={pk for pk in pks if pk is not None})
    return dict(records.order_by("pk").values_list("pk", "status"))


def terminate_leftovers() -> dict[str, int]:
    """The net under settlement: open orders of ended runs that nobody asked the fleet to stop."""
    ended = FleetOrder.objects.filter(closed=False, record__status__in=ENDED)
    found: list[tuple[str, int | None, str]] = list(ended.values_list("order_id", "record_id", "block")[:500])
    found += _maybe_sent()
    asked = {f"{order_id}:terminate" for order_id, _, _ in found}
    known = set(Effect.objects.filter(key__in=asked).values_list("key", flat=True))
    missing = [row for row in found if f"{row[0]}:terminate" not in known]
    if missing:
        request_termination(missing, clock.now())
    return {"terminated": len(missing)}


def _maybe_sent() -> list[tuple[str, int | None, str]]:
    """Orders that were sent without an answer before their run ended: whether the fleet has them is not known."""
    given_up = Effect.objects.filter(
        status=EffectStatus.ABANDONED, operation="setOrder", attempts__gt=0, record__status__in=ENDED
    ).order_by("-pk")
    return list(given_up.values_list("order_id", "record_id", "block")[:200])
