"""Change sets: several settings at once, seen before they are overwritten, later, and back again."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from scheduler import clock
from scheduler.errors import Refused
from scheduler.models import AuditEntry
from vwed.models import ChangeSet, ChangeState, SettingChange
from vwed.tuning import changes, files, scheduling, stored

pytestmark = pytest.mark.django_db

WHO = {"reason": "more trucks", "author": "li", "origin": "page"}


def values() -> dict[str, object]:
    return {name: each.value for name, each in stored.effective().items()}


def test_several_settings_change_at_once_or_not_at_all() -> None:
    row = changes.commit({"max_retries": "7", "pool_size": "12"}, **WHO)

    assert (stored.get("max_retries"), stored.get("pool_size")) == (7, 12)
    assert row.difference == {
        "max_retries": {"before": None, "after": "7"},
        "pool_size": {"before": None, "after": "12"},
    }
    assert stored.effective()["pool_size"].change == row.pk
    with pytest.raises(changes.NotAllowed) as caught:
        changes.commit({"max_retries": "8", "pool_size": "0", "nonsense": "1"}, **WHO)
    assert set(caught.value.problems) == {"pool_size", "nonsense"}
    assert stored.get("max_retries") == 7


def test_faults_between_settings_are_told_at_their_fields_before_anything_is_changed() -> None:
    review = changes.propose({"cluster_timeout": "7200", "max_retries": "9"})

    assert not review.ok
    assert list(review.problems) == ["cluster_timeout"]
    assert not ChangeSet.objects.exists()
    assert changes.propose({"cluster_timeout": "7200", "cluster_retry": "8000"}).ok


def test_nobody_overwrites_a_change_they_have_not_seen() -> None:
    seen = stored.version()
    first = changes.commit({"max_retries": "7"}, **WHO, based_on=seen)

    with pytest.raises(changes.ChangedMeanwhile) as caught:
        changes.commit({"pool_size": "12"}, **WHO, based_on=seen)

    assert [row.pk for row in caught.value.theirs] == [first.pk]
    assert [item.parameter.name for item in caught.value.mine] == ["pool_size"]
    assert "li" in caught.value.message
    assert stored.get("pool_size") == 10
    assert AuditEntry.objects.filter(refused=True, after__refused="changed_meanwhile").count() == 1


def test_the_environment_gives_first_values_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VWED_POOL_SIZE", "15")
    monkeypatch.setenv("VWED_POOL_OVERFLOW", "-3")

    present = stored.effective()

    assert (present["pool_size"].value, present["pool_size"].source) == (15, stored.Source.ENVIRONMENT)
    assert present["pool_overflow"].source is stored.Source.DEFAULT, "a value out of bounds does not get in"
    changes.commit({"pool_size": "20"}, **WHO)
    assert stored.effective()["pool_size"].source is stored.Source.CHANGE
    changes.commit({"pool_size": None}, **WHO)
    assert stored.effective()["pool_size"].source is stored.Source.ENVIRONMENT


def later(**parts: float) -> datetime:
    return clock.now() + timedelta(**parts)


def test_a_scheduled_change_is_applied_once_at_its_time() -> None:
    at = later(hours=1)
    row = changes.commit({"max_retries": "7"}, **WHO, effective_at=at)

    assert scheduling.apply_due(at - timedelta(seconds=1)) == {"applied": 0, "superseded": 0}
    assert stored.get("max_retries") == 1000
    assert scheduling.apply_due(at) == {"applied": 1, "superseded": 0}
    assert not scheduling.apply_one(row, at), "a second io process comes too late"
    assert stored.get("max_retries") == 7
    row.refresh_from_db()
    assert (row.state, row.version, row.applied_at) == (ChangeState.APPLIED, 1, at)
    assert SettingChange.objects.count() == 1


def test_a_scheduled_change_can_be_cancelled_before_its_time_and_not_after_it() -> None:
    row = changes.commit({"max_retries": "7"}, **WHO, effective_at=later(hours=1))

    changes.cancel(row.pk, **{**WHO, "author": "wang"})

    assert scheduling.apply_due(later(hours=2))["applied"] == 0
    row.refresh_from_db()
    assert (row.state, row.closed_by) == (ChangeState.CANCELLED, "wang")
    with pytest.raises(Refused) as caught:
        changes.cancel(row.pk, **WHO)
    assert caught.value.code == "not_scheduled"


def test_a_scheduled_change_whose_values_moved_is_superseded_in_words() -> None:
    row = changes.commit({"max_retries": "7"}, **WHO, effective_at=later(hours=1))
    other = changes.commit({"max_retries": "9"}, **WHO)

    assert scheduling.apply_due(later(hours=2)) == {"applied": 0, "superseded": 1}

    row.refresh_from_db()
    assert row.state == ChangeState.SUPERSEDED
    assert row.outcome == {"code": "changed_meanwhile", "name": "max_retries", "by": other.pk}
    assert stored.get("max_retries") == 9
    assert AuditEntry.objects.filter(origin="service", refused=True).count() == 1


def test_a_scheduled_change_beside_another_one_is_applied() -> None:
    changes.commit({"max_retries": "7"}, **WHO, effective_at=later(hours=1))
    changes.commit({"pool_size": "12"}, **WHO)

    assert scheduling.apply_due(later(hours=2))["applied"] == 1
    assert (stored.get("max_retries"), stored.get("pool_size")) == (7, 12)


def test_looking_for_what_is_due_is_one_query(django_assert_num_queries) -> None:
    moment = clock.now()
    with django_assert_num_queries(1):
        scheduling.apply_due(moment)


def test_rolling_back_is_a_new_change_and_marks_what_it_took_back() -> None:
    first = changes.commit({"max_retries": "7"}, **WHO)
    second = changes.commit({"max_retries": "8", "pool_size": "12"}, **WHO)

    back = changes.roll_back(first.pk, **WHO)

    assert (stored.get("max_retries"), stored.get("pool_size")) == (7, 10)
    assert stored.effective()["pool_size"].source is stored.Source.DEFAULT
    second.refresh_from_db()
    assert (second.state, second.outcome) == (ChangeState.ROLLED_BACK, {"code": "rolled_back", "by": back.pk})
    assert changes.history()[0] == back
    assert AuditEntry.objects.filter(action="rollback_setting").count() == 2


CHOICES = st.dictionaries(
    st.sampled_from(["max_retries", "pool_size", "record_rows", "strict_variables", "default_queue"]),
    st.sampled_from([None, "1000", "2000", "3000", "true", "50", "60"]),
    min_size=1,
    max_size=4,
)


class Rolling(TestCase):
    """Forward and back through random change sets: each state comes back exactly."""

    @settings(max_examples=25, deadline=None)
    @given(steps=st.lists(st.one_of(CHOICES, st.integers(0, 12)), min_size=1, max_size=10))
    def test_every_state_comes_back(self, steps: list) -> None:
        states = [(0, values())]
        for step in steps:
            number, expected = (None, None) if isinstance(step, dict) else states[step % len(states)]
            row = refusal = None
            try:
                row = changes.commit(step, **WHO) if number is None else changes.roll_back(number, **WHO)
            except Refused as refused:
                refusal = refused.code
            if refusal is None:
                states.append((row.pk, values()))
            allowed = {None, "nothing_changed"}
            allowed |= {"not_allowed", "wrong_type", "out_of_bounds"} if number is None else set()
            assert refusal in allowed
            assert values() == states[-1][1], "what is refused changes nothing"
            assert expected is None or values() == expected, "an earlier state is back"


def test_a_file_brings_the_values_to_another_place_as_one_change() -> None:
    changes.commit({"max_retries": "7", "pool_size": "12"}, **WHO)
    document = files.export()
    changes.roll_back(0, **WHO)

    row = files.load(json.dumps(document), **WHO)

    assert set(row.difference) == {"max_retries", "pool_size"}
    assert files.export()["digest"] == document["digest"]
    for text in ("{", "[]", '{"format": "vwed-settings", "values": {"pool_size": 3}}'):
        with pytest.raises(Refused) as caught:
            files.load(text, **WHO)
        assert caught.value.code == "not_a_settings_file"
    with pytest.raises(changes.NotAllowed):
        files.load('{"format": "vwed-settings", "values": {"pool_size": "3", "max_retries": "x"}}', **WHO)
    assert stored.get("pool_size") == 12


def test_the_history_is_read_page_by_page_in_one_query_each(django_assert_num_queries) -> None:
    for number in range(1, 8):
        changes.commit({"max_retries": str(number)}, **WHO)

    with django_assert_num_queries(2):
        first = changes.history(limit=5)
        rest = changes.history(before=first[-1].pk, limit=5)

    assert [row.difference["max_retries"]["after"] for row in first + rest] == list("7654321")
