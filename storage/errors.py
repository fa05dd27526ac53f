"""What the storage package refuses, in words for operators, with a stable code and a remedy."""

from __future__ import annotations


class StorageError(Exception):
    """Base of all refusals; the transaction is still usable when one is raised."""

    code = "storage"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class UnknownLocation(StorageError):
    """There is no location of that id."""

    code = "location_unknown"

    def __init__(self, site_id: str) -> None:
        super().__init__(
            f"There is no location {site_id!r}.",
            "Check the spelling (case counts) or create it: manage.py locations create.",
        )
        self.site_id = site_id


class UnknownGroup(StorageError):
    """No location belongs to that group."""

    code = "group_unknown"

    def __init__(self, group: str) -> None:
        super().__init__(f"No location belongs to group {group!r}.", "Check the spelling (case counts).")
        self.group = group


class HeldByAnother(StorageError):
    """The location is locked, and not by the one who asked."""

    code = "location_held"

    def __init__(self, site_id: str, holder: str) -> None:
        super().__init__(
            f"Location {site_id} is locked by {holder}.",
            "Wait until the holder frees it, or unlock it by force with a reason.",
        )
        self.site_id = site_id
        self.holder = holder


class NotLockable(StorageError):
    """The location is out of use."""

    code = "location_off"

    def __init__(self, site_id: str, why: str) -> None:
        super().__init__(f"Location {site_id} cannot be locked: {why}.", "Enable it first, or choose another one.")
        self.site_id = site_id


class DuplicateLocation(StorageError):
    """A location of that id exists already."""

    code = "location_exists"

    def __init__(self, site_ids: tuple[str, ...]) -> None:
        shown = ", ".join(site_ids[:5]) + (f" and {len(site_ids) - 5} more" if len(site_ids) > 5 else "")
        super().__init__(f"These locations exist already: {shown}.", "Choose other ids; nothing was created.")
        self.site_ids = site_ids


class TooManyRequests(StorageError):
    """The bound on pending requests is reached."""

    code = "requests_full"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit} storage requests are pending already, which is the limit.",
            "Free locations or cancel waiting runs; the limit is a setting (maximum of pending storage requests).",
        )
        self.limit = limit


class InvalidValue(StorageError):
    """A given value cannot be stored."""

    code = "location_value"


class NotInALane(StorageError):
    """A group is searched as a dense lane, and one of its locations has no number."""

    code = "location_no_lane"

    def __init__(self, site_id: str, group: str) -> None:
        super().__init__(
            f"Location {site_id} of group {group} cannot stand in a dense lane: its id ends in no number.",
            "The ids of all locations of a lane end in an underscore and their number from the aisle, as in A_1.",
        )
        self.site_id = site_id
