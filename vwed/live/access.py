"""Who may hear what: rights of all open sockets, read in one query."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.db.models import CharField, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from vwed.live.topics import TOPICS

#: Permissions that decide about topics or about buttons of live pages; nothing else is read.
ACTIONS = ("operate_taskrecord", "decide_taskrecord", "run_taskdefinition", "operate_storagelocation")
_CODENAMES = tuple({*ACTIONS, *(topic.permission.split(".")[1] for topic in TOPICS.values())})


@dataclass(frozen=True, slots=True)
class Rights:
    """What one login may do now. ``None`` instead of it means: signed out, inactive or no staff."""

    user_id: int
    username: str
    #: Digest of the password as it was: a changed password signs out.
    password: str
    superuser: bool = False
    permissions: frozenset[str] = field(default=frozenset())

    def may(self, permission: str) -> bool:
        """Whether this login has ``app.codename``."""
        return self.superuser or permission in self.permissions

    def allowed(self, topics: Collection[str]) -> tuple[list[str], dict[str, str]]:
        """Split ``topics`` into those it may hear and the refused with the reason (``perm`` or ``unknown``)."""
        allowed, denied = [], {}
        for name in topics:
            topic = TOPICS.get(name)
            if topic is None:
                denied[name] = "unknown"
            elif self.may(topic.permission):
                allowed.append(name)
            else:
                denied[name] = "perm"
        return allowed, denied

    @property
    def actions(self) -> list[str]:
        """The action permissions a page needs to know."""
        held = ACTIONS if self.superuser else [p.split(".")[1] for p in self.permissions]
        return sorted(code for code in held if code in ACTIONS)


def read_rights(logins: Collection[tuple[int, str]]) -> dict[tuple[int, str], Rights]:
    """Rights of each login (user id, session key) that is still valid. One query, whatever their number."""
    if not logins:
        return {}
    users = {user_id for user_id, _ in logins}
    sessions = {key for _, key in logins}
    names: dict[int, tuple[str, str, bool]] = {}
    permissions: dict[int, set[str]] = {}
    alive: set[str] = set()
    for kind, key, text, extra, flag in _rows(users, sessions):
        if kind == "u":
            names[int(key)] = (text, extra, bool(int(flag)))
        elif kind == "p":
            permissions.setdefault(int(key), set()).add(text)
        else:
            alive.add(key)
    return {
        (user_id, session): Rights(user_id, *names[user_id], frozenset(permissions.get(user_id, ())))
        for user_id, session in logins
        if user_id in names and session in alive
    }


def _rows(users: Collection[int], sessions: Collection[str]) -> QuerySet:  # type: ignore[type-arg]
    """kind, key, text, extra, flag – users, their permissions by both ways, and live sessions."""
    text = CharField(max_length=255)
    staff = get_user_model().objects.filter(id__in=users, is_active=True, is_staff=True).order_by()
    people = staff.annotate(
        kind=Value("u", text), key=Cast("id", text), extra=Cast("password", text), flag=Cast("is_superuser", text)
    ).values_list("kind", "key", "username", "extra", "flag")
    wanted = Permission.objects.filter(codename__in=_CODENAMES).order_by()
    name = Concat("content_type__app_label", Value("."), "codename", output_field=text)
    nothing = Value("", text)
    parts = [
        wanted.filter(**{f"{path}__in": users})
        .annotate(kind=Value("p", text), key=Cast(path, text), text=name, extra=nothing, flag=nothing)
        .values_list("kind", "key", "text", "extra", "flag")
        for path in ("user__id", "group__user__id")
    ]
    signed_in = (
        Session.objects.filter(session_key__in=sessions, expire_date__gt=timezone.now())
        .annotate(kind=Value("s", text), text=nothing, extra=nothing, flag=nothing)
        .values_list("kind", "session_key", "text", "extra", "flag")
    )
    return people.union(*parts, signed_in, all=True)
