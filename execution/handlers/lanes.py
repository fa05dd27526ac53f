"""Dense lanes: storage groups whose locations stand one behind the other."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from execution.effects import AcquireLaneSite, Effect, NotFound
from execution.errors import BlockError
from execution.frames import Here
from execution.handlers.site_values import names
from execution.handlers.sites import goods
from execution.parameters import duration, flag, param, whole
from execution.registry import block


@dataclass(slots=True)
class LaneParams:
    """Parameters of GetIdleCrowdedSiteBp."""

    filled: bool | None = param(flag, required=True, help="To take a load (true), or to put one (false).")
    group_name: Any = param(names, required=True, help="The lanes, tried in this order.")
    content: str | None = param(goods, help="Take only this content; left out: any.")
    lock: bool | None = param(flag, help="Whether to lock what is found for this run; left out: no.")
    retry: bool | None = param(flag, help="Whether to wait when there is none; left out: yes.")
    retry_num: int | None = param(
        whole, help="How many attempts before going on without one; 0 or left out: the setting's number, then it fails."
    )
    retry_period: int | None = param(duration, help="What one attempt counts as; left out: 1000, at least 1.")


@block(
    "GetIdleCrowdedSiteBp",
    params=LaneParams,
    outputs={"siteId": "the location that was found; an empty text when the attempts given are used up"},
    errors={
        "lane.empty": "``filled`` or ``groupName`` is empty",
        "location_no_lane": "the id of a location in one of the groups does not end in an underscore and a number",
        "site_not_found": "nothing was found in as many attempts as the setting allows",
    },
    example={"groupName": '["L1", "L2"]', "filled": False, "lock": True},
)
def get_idle_crowded_site(run: Here, params: LaneParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Finds the location of a dense lane that can be reached from the aisle; waits until there is one.

    A lane is a group; the ids of its locations end in an underscore and their number from the aisle (``L1_1``,
    ``L1_2``). To take: the first load, when its content fits and nothing before it is disabled, of unknown state or
    locked by another. To put: the last empty place before the first load or the first place out of use, when none on
    the way, nor the one behind it, is locked by another. Number 0 stands beside the lane and goes first when it is
    free, filled as wanted and its content is just the one given (or none). Any change in the lanes is seen at once.
    """
    if params.filled is None or not params.group_name:
        which = "filled" if params.filled is None else "groupName"
        raise BlockError("lane.empty", f"{which} is empty.", remedy="Give it a value.")
    answer = yield AcquireLaneSite(
        tuple(params.group_name),
        filled=params.filled,
        content=params.content,
        lock=bool(params.lock),
        retry=params.retry is not False,
        retry_times=max(0, params.retry_num or 0),
        retry_period_ms=1000 if params.retry_period is None else max(1, params.retry_period),
    )
    return {"siteId": "" if isinstance(answer, NotFound) else answer.site_id}
