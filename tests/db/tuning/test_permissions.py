"""Operators see, engineers change, administrators schedule and roll back."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from scheduler.errors import Refused
from scheduler.models import AuditEntry
from vwed.tuning.permissions import May, require

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("Operator", {May.VIEW}),
        ("Engineer", {May.VIEW, May.CHANGE}),
        ("Administrator", {May.VIEW, May.CHANGE, May.SCHEDULE, May.ROLL_BACK}),
    ],
)
def test_each_role_may_what_it_is_for_and_who_tries_more_is_remembered(role: str, allowed: set[May]) -> None:
    user = get_user_model().objects.create_user("li")
    user.groups.add(Group.objects.get(name=role))

    for may in May:
        if may in allowed:
            require(user, may, names="pool_size", reason="r", origin="page")
        else:
            with pytest.raises(Refused) as caught:
                require(user, may, names="pool_size", reason="r", origin="page")
            assert caught.value.code == "not_permitted"

    assert AuditEntry.objects.filter(refused=True, actor="li").count() == len(May) - len(allowed)
