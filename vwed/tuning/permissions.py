"""Who may do what with settings: see them, change them, schedule changes, roll back. A refusal is an audit entry."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from django.utils.translation import gettext as _

from scheduler import audit
from scheduler.errors import Refused


class May(StrEnum):
    """A permission, by its full name."""

    VIEW = "vwed.view_settingchange"
    CHANGE = "vwed.tune_settingchange"
    SCHEDULE = "vwed.schedule_settingchange"
    ROLL_BACK = "vwed.rollback_settingchange"


class User(Protocol):
    """What is asked of a login."""

    def has_perm(self, perm: str) -> bool:
        """Whether it has the permission."""

    def get_username(self) -> str:
        """Its name."""


_ACTIONS = {May.ROLL_BACK: "rollback_setting"}


def require(user: User, may: May, *, names: str, reason: str, origin: str, action: str = "") -> None:
    """Let ``user`` go on, or refuse and remember who tried; ``names``: the settings, or the number of a change.

    Args:
        action: as the audit log calls what was tried; without one, what ``may`` is mostly asked for.

    Raises:
        Refused: ``not_permitted``.
    """
    if user.has_perm(may):
        return
    audit.record(
        actor=user.get_username(),
        action=action or _ACTIONS.get(may, "change_setting"),
        object_type="setting",
        object_id=names,
        after={"refused": "not_permitted"},
        reason=reason,
        origin=origin,
        refused=True,
    )
    raise Refused("not_permitted", _("You may not do this."), _("Ask an administrator for the role it needs."))
