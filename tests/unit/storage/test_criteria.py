"""Keys, ranks, attempts and fitting: everything about a wish that needs no database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.criteria import Criteria, RetryPolicy, Wanted, fair_key, fits, rank, wait_key, wait_keys
from storage.states import RequestKind

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    site_id: str = "B-01"
    group_name: str = "B"
    filled: bool = False
    content: str = ""
    type: int = 0
    locked_by: str = ""
    disabled: bool = False
    sync_failed: bool = False


@dataclass(frozen=True)
class Wait:
    kind: str = RequestKind.FIND
    holder: str = "R1"
    lock_for: str = "R1"
    lock: bool = True
    site_id: str | None = None
    group_name: str | None = None
    filled: bool | None = None
    content: str | None = None
    type: int | None = None
    locked: bool | None = False


def wish(kind: RequestKind = RequestKind.FIND, *, lock: bool = True, fair: bool = False, **asked: object) -> Wanted:
    return Wanted("k", "R1", kind, Criteria(**asked), lock=lock, fair=fair)  # type: ignore[arg-type]


def waiting_as(wanted: Wanted) -> Wait:
    c = wanted.criteria
    return Wait(wanted.kind, "R1", "R1", True, c.site_id, c.group, c.filled, c.content, c.type, c.locked)


_TEXT = st.sampled_from(["", "A", "B", "b", "库位"])
_PLACES = st.builds(Place, _TEXT, _TEXT, st.booleans(), _TEXT, st.integers(0, 1))
_CRITERIA = st.builds(
    Criteria,
    st.none() | _TEXT,
    st.none() | _TEXT,
    st.none() | st.booleans(),
    st.none() | _TEXT,
    st.none() | st.integers(0, 1),
)


@given(_PLACES, _CRITERIA)
def test_a_location_serves_a_queue_exactly_when_it_fits_the_wish(place: Place, criteria: Criteria) -> None:
    wanted = Wanted("k", "R1", RequestKind.FIND, criteria)

    assert (wait_key(wanted) in set(wait_keys(place))) == fits(place, waiting_as(wanted))


def test_a_location_serves_34_queues_and_no_two_are_the_same() -> None:
    assert len(list(wait_keys(Place()))) == len(set(wait_keys(Place()))) == 34


def test_a_named_lock_and_a_search_for_the_same_location_are_different_queues() -> None:
    named = wish(RequestKind.LOCK, site_id="B-01")

    assert wait_key(named) != wait_key(wish(site_id="B-01"))
    assert wait_key(named) in set(wait_keys(Place()))


@pytest.mark.parametrize("state", [{"disabled": True}, {"sync_failed": True}])
@pytest.mark.parametrize("kind", [RequestKind.FIND, RequestKind.LOCK])
def test_what_is_out_of_use_is_never_offered(kind: RequestKind, state: dict[str, bool]) -> None:
    wait = Wait(kind, site_id="B-01")

    assert fits(Place(), wait)
    assert not fits(replace(Place(), **state), wait)  # type: ignore[arg-type]


def test_a_release_is_seen_on_a_disabled_location_too() -> None:
    wait = Wait(RequestKind.RELEASED, site_id="B-01")

    assert fits(Place(disabled=True), wait)
    assert not fits(Place(disabled=True, locked_by="R2"), wait)


@pytest.mark.parametrize(
    ("locked", "usable"),
    [(False, {""}), (True, {"R1"}), (None, {"", "R1"})],
)
def test_the_locked_criterion_never_offers_what_another_holds(locked: bool | None, usable: set[str]) -> None:
    wait = Wait(group_name="B", locked=locked)

    assert {who for who in ("", "R1", "R2") if fits(Place(locked_by=who), wait)} == usable


def test_a_named_lock_is_reentrant_for_its_holder() -> None:
    wait = Wait(RequestKind.LOCK, site_id="B-01", lock_for="maria")

    assert fits(Place(locked_by="maria"), wait)
    assert not fits(Place(locked_by="R1"), wait)


def test_fair_queues_are_by_location_or_group_with_content_and_fill() -> None:
    by_group = wish(fair=True, group="B", filled=False)

    assert fair_key(by_group) == fair_key(wish(fair=True, group="B", filled=False, type=1))
    assert fair_key(by_group) != fair_key(wish(fair=True, group="B", filled=True))
    assert fair_key(by_group) != fair_key(wish(fair=True, site_id="B", filled=False))
    assert fair_key(wish(fair=True, site_id="B-01")) == fair_key(wish(RequestKind.LOCK, fair=True, site_id="B-01"))


@pytest.mark.parametrize(
    "wanted",
    [wish(fair=False, group="B"), wish(fair=True, lock=False, group="B"), wish(fair=True, content="X")],
)
def test_only_fair_locking_wishes_for_a_location_or_group_queue(wanted: Wanted) -> None:
    assert fair_key(wanted) is None


def test_rank_puts_priority_before_age_and_a_release_before_both() -> None:
    old, young = START, START + timedelta(days=300)
    order = [
        rank(RequestKind.RELEASED, 0, young),
        rank(RequestKind.FIND, 1000, old),
        rank(RequestKind.FIND, 5, young),
        rank(RequestKind.FIND, 0, old),
        rank(RequestKind.LOCK, 0, young),
    ]

    assert order == sorted(order)
    assert rank(RequestKind.FIND, 1000, old) == rank(RequestKind.FIND, 100, old)
    assert rank(RequestKind.FIND, -5, old) == rank(RequestKind.FIND, 0, old)
    assert max(map(abs, order)) < 2**63


def test_attempts_are_arithmetic() -> None:
    policy = RetryPolicy(START, 1500, 10)

    assert policy.deadline == START + timedelta(seconds=15)
    assert [policy.attempt(START + timedelta(seconds=s)) for s in (-1, 0, 1.4, 1.5, 14, 15, 900)] == [
        0, 0, 0, 1, 9, 10, 10,
    ]  # fmt: skip
    assert not policy.is_over(START + timedelta(seconds=14.999))
    assert policy.is_over(START + timedelta(seconds=15))


def test_an_endless_policy_has_no_deadline() -> None:
    policy = RetryPolicy(START, 2000, None)

    assert policy.deadline is None
    assert not policy.is_over(START + timedelta(days=9999))
    assert policy.attempt(START + timedelta(days=1)) == 43_200


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30))
def test_any_numbers_from_a_definition_make_a_valid_policy(period: int, retries: int) -> None:
    policy = RetryPolicy(START, period, retries)

    assert policy.deadline is not None
    assert START <= policy.deadline <= START + timedelta(days=3650)
    assert policy.period_ms >= 1
