"""Why a run waits for its sub-task: down to the one that waits for something else, and round in a circle."""

from __future__ import annotations

import pytest

from tests.db.scheduler.making import block, definition, delay, record
from tests.db.scheduler.test_subtasks import call, children, settle, why
from tests.db.storage.warehouse import build

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_chain_leads_through_sub_tasks_to_whoever_holds_a_location() -> None:
    build("A-01")
    holder = record(definition(block("SetSiteLockedBp", siteId="A-01"), delay(60_000)))
    settle(holder)
    inner = definition(block("SetSiteLockedBp", siteId="A-01"))
    middle = definition(call(inner))
    parent = record(definition(call(middle)))
    settle(parent)
    (child,) = children(parent)
    (grandchild,) = children(child)
    (reason,) = why(parent)
    assert reason.chain == (child.record_id, grandchild.record_id, holder.record_id)
    assert not reason.deadlock
    assert reason.below is not None
    assert "A-01" in reason.below.sentence
    document = reason.as_json()
    assert document["below"]["holder"] == holder.record_id


def test_a_child_that_waits_for_what_its_parent_holds_is_a_deadlock() -> None:
    build("A-01")
    child_task = definition(block("SetSiteLockedBp", siteId="A-01"))
    parent = record(definition(block("SetSiteLockedBp", siteId="A-01"), call(child_task)))
    settle(parent)
    (reason,) = why(parent)
    assert reason.deadlock
    assert reason.chain[-1] == parent.record_id
