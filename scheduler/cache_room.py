"""Room in the shared cache: how many keys may still be added, without counting for every one of them."""

from __future__ import annotations

import time

from scheduler import conf
from scheduler.models import CachedValue


class CacheRoom:
    """Keys that this process may still add. Counted every few seconds, with the process's own taken off in between.

    Other processes add beside it: when the cache is full there may be more keys than the limit says, by what they added
    within half a second.
    """

    LOOK_EVERY_S = 5.0
    #: With this much left or less it is looked at more often: others fill it too, and somebody may just have made room.
    NEARLY_FULL = 1000
    FULL_AGAIN_S = 0.5

    def __init__(self) -> None:
        self._left = 0
        self._looked = float("-inf")

    def take(self) -> bool:
        """Take room for one key; false when there is none. At most one bounded count every half second."""
        since = time.monotonic() - self._looked
        if since >= (self.LOOK_EVERY_S if self._left > self.NEARLY_FULL else self.FULL_AGAIN_S):
            self._looked = time.monotonic()
            limit = conf.values().cache_entries
            self._left = limit - CachedValue.objects.order_by().values("pk")[:limit].count()
        if self._left <= 0:
            return False
        self._left -= 1
        return True
