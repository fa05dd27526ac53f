"""Change sets: propose, commit now or for later, cancel, roll back, and what the history knows.

A change to the values in force takes the next ``version``; the column is unique, so that of two editors one is told
what the other did. The difference of a row never changes. Everything here is one transaction with its audit entries,
refusals are audit entries too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from scheduler import audit, clock
from scheduler.errors import Refused
from vwed.models import ChangeSet, ChangeState, SettingChange
from vwed.tuning import rules, stored
from vwed.tuning.parameters import PARAMETERS
from vwed.tuning.review import Item, Review, Wanted, propose

__all__ = [
    "ChangedMeanwhile",
    "Item",
    "NotAllowed",
    "Review",
    "Wanted",
    "cancel",
    "change",
    "commit",
    "history",
    "propose",
    "propose_roll_back",
    "prune",
    "roll_back",
]

REASON_MIN, REASON_MAX = 3, 200
#: What is shown of one another's changes, and read of a history at once.
PAGE = 50


class ChangedMeanwhile(Refused):
    """Somebody was first. ``theirs``: what was applied since; ``mine``: the difference that was refused."""

    def __init__(self, theirs: Iterable[ChangeSet], mine: Iterable[Item]) -> None:
        self.theirs, self.mine = tuple(theirs), tuple(mine)
        first = self.theirs[0] if self.theirs else None
        said = _("Change %(number)d by %(author)s came first.") % {
            "number": first.pk if first else 0,
            "author": first.author if first else "?",
        }
        super().__init__("changed_meanwhile", said, _("Look at both differences and decide again."))


class NotAllowed(Refused):
    """The values are not allowed. ``problems``: parameter name → words; a name that does not exist is told too."""

    def __init__(self, problems: rules.Problems, code: str = "not_allowed") -> None:
        self.problems = problems
        words = " ".join(f"{name}: {' '.join(each)}" for name, each in problems.items())
        super().__init__(code, words, "" if code != "not_allowed" else _("Nothing was changed."))


def commit(
    wanted: Wanted,
    *,
    reason: str,
    author: str,
    origin: str,
    based_on: int | None = None,
    effective_at: datetime | None = None,
    restores: int | None = None,
) -> ChangeSet:
    """Keep a change set, in force at once, or at ``effective_at``.

    Args:
        based_on: the version its author had seen; without one, the present.
        effective_at: UTC, see ``times.parse``; ``None``: now.
        restores: the version whose values come back (a roll-back).

    Raises:
        ChangedMeanwhile: the values changed after ``based_on``.
        NotAllowed: some value is not allowed, alone or beside the others.
        Refused: ``reason_missing``, ``nothing_changed``, ``unknown_parameter`` …
    """
    told = _Telling(author, origin, reason, "rollback_setting" if restores is not None else "change_setting")
    try:
        reason = checked_reason(reason)
        review = propose(wanted, based_on=based_on)
        return _commit(review, told, effective_at, restores)
    except Refused as refused:
        if refused.code != "nothing_changed":
            told.refused(", ".join(wanted), refused)
        raise


def checked_reason(reason: str) -> str:
    """``reason`` without blanks around it.

    Raises:
        Refused: ``reason_missing``.
    """
    reason = reason.strip()
    if not REASON_MIN <= len(reason) <= REASON_MAX:
        raise Refused(
            "reason_missing",
            _("A change needs a reason of %(least)d to %(most)d characters.")
            % {"least": REASON_MIN, "most": REASON_MAX},
            _("Say why, for the person who reads the history."),
        )
    return reason


@dataclass(frozen=True, slots=True)
class _Telling:
    """Who does what, for the audit log."""

    author: str
    origin: str
    reason: str
    action: str

    def refused(self, names: str, refused: Refused) -> None:
        """An entry of a refusal."""
        audit.record(
            actor=self.author,
            action=self.action,
            object_type="setting",
            object_id=names,
            after={"refused": refused.code},
            reason=self.reason,
            origin=self.origin,
            refused=True,
        )

    def done(self, items: Iterable[Item], more: Mapping[str, Any]) -> None:
        """An entry per parameter."""
        for item in items:
            audit.record(
                actor=self.author,
                action=self.action,
                object_type="setting",
                object_id=item.parameter.name,
                before={"value": item.before},
                after={"value": item.after, **more},
                reason=self.reason,
                origin=self.origin,
            )


def _commit(review: Review, told: _Telling, effective_at: datetime | None, restores: int | None) -> ChangeSet:
    now = clock.now()
    if review.based_on != (newest := stored.version()):
        raise ChangedMeanwhile(since(review.based_on), review.items)
    if review.problems:
        raise NotAllowed(review.problems, review.refusal_code)
    if not review.items:
        raise Refused("nothing_changed", _("These values are in force already."), _("Nothing was changed."))
    row = ChangeSet(
        difference=review.difference,
        author=told.author[:150],
        reason=told.reason.strip(),
        origin=told.origin,
        created_at=now,
        effective_at=effective_at or now,
        based_on=review.based_on,
        restores=restores,
        state=ChangeState.SCHEDULED if effective_at else ChangeState.APPLIED,
        version=None if effective_at else newest + 1,
        applied_at=None if effective_at else now,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)  # takes the version before anything is written with it
            if effective_at is None:
                write_values(row)
            told.done(review.items, {"at": effective_at.isoformat()} if effective_at else {})
    except IntegrityError:
        raise ChangedMeanwhile(since(review.based_on), review.items) from None
    prune()
    return row


def write_values(row: ChangeSet) -> None:
    """The values of an applied change set are in force with the caller's transaction."""
    SettingChange.objects.bulk_create(
        SettingChange(
            name=name,
            value=change["after"] or "",
            author=row.author,
            reason=row.reason,
            created_at=row.applied_at or clock.now(),
            change_set=row,
        )
        for name, change in row.difference.items()
    )
    if row.restores is not None:
        ChangeSet.objects.filter(version__gt=row.restores, version__lt=row.version, state=ChangeState.APPLIED).update(
            state=ChangeState.ROLLED_BACK,
            closed_at=row.applied_at,
            closed_by=row.author,
            outcome={"code": "rolled_back", "by": row.pk},
        )


def since(version: int) -> list[ChangeSet]:
    """What was applied after ``version``, the newest first; at most a page."""
    return list(ChangeSet.objects.filter(version__gt=version).order_by("-version")[:PAGE])


def cancel(number: int, *, reason: str, author: str, origin: str) -> ChangeSet:
    """Give up a scheduled change before its time.

    Raises:
        Refused: ``reason_missing``, ``unknown_change``, or ``not_scheduled``: it is not waiting any more.
    """
    told = _Telling(author, origin, reason, "cancel_setting")
    try:
        reason = checked_reason(reason)
        with transaction.atomic():
            done = ChangeSet.objects.filter(pk=number, state=ChangeState.SCHEDULED).update(
                state=ChangeState.CANCELLED,
                closed_at=clock.now(),
                closed_by=author[:150],
                outcome={"code": "cancelled", "reason": reason},
            )
            row = change(number)
            if not done:
                raise Refused(
                    "not_scheduled",
                    _("Change %(number)d is %(state)s.") % {"number": number, "state": row.get_state_display()},
                    _("Only a scheduled change can be cancelled; an applied one can be rolled back."),
                )
            audit.record(
                actor=author,
                action="cancel_setting",
                object_type="setting",
                object_id=", ".join(row.difference),
                after={"change": number},
                reason=reason,
                origin=origin,
            )
            return row
    except Refused as refused:
        told.refused(str(number), refused)
        raise


def change(number: int) -> ChangeSet:
    """The change set of that number.

    Raises:
        Refused: ``unknown_change``.
    """
    row = ChangeSet.objects.filter(pk=number).first()
    if row is None:
        raise Refused("unknown_change", _("There is no change %(number)d.") % {"number": number}, _("See the history."))
    return row


def wanted_for(to: int) -> tuple[dict[str, str | None], int]:
    """What brings back the values right after change ``to`` (0: before the oldest one kept), and that version.

    Raises:
        Refused: ``unknown_change``, or ``never_applied``.
    """
    version = 0
    if to:
        row = change(to)
        if row.version is None:
            raise Refused(
                "never_applied", _("Change %(number)d was never in force.") % {"number": to}, _("Choose another one.")
            )
        version = row.version
    wanted: dict[str, str | None] = {}
    later = ChangeSet.objects.filter(version__gt=version).order_by("-version").values_list("difference", flat=True)
    known = {parameter.name for parameter in PARAMETERS}
    for difference in later:
        wanted.update({name: each["before"] for name, each in difference.items() if name in known})
    return wanted, version


def propose_roll_back(to: int) -> Review:
    """What ``roll_back`` would do. A parameter that is left alone by all later changes is not in it.

    Raises:
        Refused: as ``wanted_for``.
    """
    return propose(wanted_for(to)[0])


def roll_back(to: int, *, reason: str, author: str, origin: str, based_on: int | None = None) -> ChangeSet:
    """Bring back the values right after change ``to`` (0: before the oldest one kept): a new change set.

    Raises:
        Refused: as ``wanted_for`` and ``commit``.
    """
    based_on = stored.version() if based_on is None else based_on  # before the way back is read
    try:
        wanted, version = wanted_for(to)
    except Refused as refused:
        _Telling(author, origin, reason, "rollback_setting").refused(str(to), refused)
        raise
    return commit(wanted, reason=reason, author=author, origin=origin, based_on=based_on, restores=version)


def history(before: int | None = None, limit: int = PAGE) -> list[ChangeSet]:
    """Change sets, the newest first; ``before``: only those with a smaller number. One query."""
    rows = ChangeSet.objects.order_by("-pk")
    return list((rows.filter(pk__lt=before) if before is not None else rows)[: max(1, min(limit, 500))])


def prune(keep: int | None = None) -> int:
    """Forget the oldest change sets beyond ``keep`` (the setting); how many.

    Nothing that waits for its time goes, nor the newest; the values in force stay, without their story.
    """
    keep = int(stored.get("setting_changes")) if keep is None else keep
    gone = 0
    for rows, order in (
        (ChangeSet.objects.filter(version__isnull=False), "version"),
        (ChangeSet.objects.filter(state__in=(ChangeState.CANCELLED, ChangeState.SUPERSEDED)), "pk"),
    ):
        last = rows.order_by(f"-{order}").values_list(order, flat=True)[max(1, keep) : max(1, keep) + 1].first()
        if last is not None:
            gone += rows.filter(**{f"{order}__lte": last}).delete()[0]
    if gone:
        _forget_values()
    return gone


def _forget_values() -> None:
    """Values without a story that are not in force any more."""
    in_force: dict[str, int] = {}
    for name, pk in SettingChange.objects.order_by("id").values_list("name", "id"):
        in_force[name] = pk
    SettingChange.objects.filter(change_set=None).exclude(id__in=in_force.values()).delete()
