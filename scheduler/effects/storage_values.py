"""Storage effects that never wait: what stands where, attributes, many locations at once, and looks at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from execution.effects import (
    ChangeSite,
    ChangeSites,
    InspectSite,
    LockedSites,
    QuerySite,
    ReadSiteAttribute,
    SiteCriteria,
    SiteState,
    Storage,
    WriteSiteAttribute,
)
from scheduler import settlement
from storage import locations, search, selectors
from storage.criteria import Criteria
from storage.locations import LocationState


def carry_out(effect: Storage, record_id: str) -> Any:
    """Do it now; what was changed is matched after the commit.

    Raises:
        StorageError: the storage refuses.
    """
    return _ACTIONS[type(effect)](effect, record_id)


def criteria_of(asked: SiteCriteria) -> Criteria:
    """The engine's criteria as those of the storage."""
    return Criteria(
        site_id=asked.site_id,
        group=asked.group,
        filled=asked.filled,
        content=asked.content,
        type=asked.type,
        locked=asked.locked,
    )


def _change(effect: ChangeSite, record_id: str) -> SiteState:
    if effect.tags is not None:
        state = locations.set_tags(effect.site_id, effect.tags, actor=record_id)
    else:
        state = locations.change(effect.site_id, actor=record_id, filled=effect.filled, content=effect.content)
    _match(state)
    return _public_state(state)


def _change_many(effect: ChangeSites, record_id: str) -> int:
    changed = locations.set_many(
        effect.site_ids,
        effect.groups,
        actor=record_id,
        filled=effect.filled,
        content=effect.content,
        type=effect.type,
    )
    _match(*changed)
    return len(changed)


def _write_attribute(effect: WriteSiteAttribute, record_id: str) -> None:
    _match(locations.set_attribute(effect.site_id, effect.name, effect.value, actor=record_id))


def _inspect(effect: InspectSite, record_id: str) -> SiteState | None:
    state = locations.read(effect.site_id)
    return None if state is None else _public_state(state)


def _query(effect: QuerySite, record_id: str) -> dict[str, Any] | None:
    row = search.look(criteria_of(effect.criteria), descending=effect.descending)
    return None if row is None else locations.public(row)


def _match(*states: LocationState) -> None:
    settlement.match_later([state.site_id for state in states if state.match_now])


def _public_state(state: LocationState) -> SiteState:
    return SiteState(state.site_id, state.filled, state.content, state.locked_by, state.disabled, changed=state.changed)


_ACTIONS: Mapping[type[Storage], Callable[[Any, str], Any]] = {
    ChangeSite: _change,
    ChangeSites: _change_many,
    InspectSite: _inspect,
    QuerySite: _query,
    ReadSiteAttribute: lambda effect, record_id: locations.read_attribute(effect.site_id, effect.name),
    WriteSiteAttribute: _write_attribute,
    LockedSites: lambda effect, record_id: selectors.held_by(effect.holder),
}
