"""The kinds of effects, told apart by their base class."""

from __future__ import annotations


class Effect:
    """Base of everything a handler may yield."""

    __slots__ = ()


class Local(Effect):
    """Carried out by the walker in memory."""

    __slots__ = ()


class Transacted(Effect):
    """Carried out by the port in the checkpoint's transaction, exactly once. May be answered ``Pending``."""

    __slots__ = ()


class Storage(Transacted):
    """Concerns storage locations."""

    __slots__ = ()


class Gateway(Transacted):
    """Concerns other runs, or what runs share: sub-tasks, the cache, events."""

    __slots__ = ()


class External(Effect):
    """Carried out by the io process, at least once, under an idempotent key."""

    __slots__ = ()


class Waiting(Effect):
    """Only waits: for time, or for a fact that another process writes."""

    __slots__ = ()
