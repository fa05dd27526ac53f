"""Settings of an installation whose channel groups expire after five seconds, to see that the live panels have none."""

from __future__ import annotations

from vwed.settings import *  # noqa: F403
from vwed.settings import CHANNEL_LAYERS

CHANNEL_LAYERS["default"]["CONFIG"]["group_expiry"] = 5  # type: ignore[index]
