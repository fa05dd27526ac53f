"""JSON texts and times as values that expressions can work with."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from execution.effects import Effect, Now
from execution.errors import BlockError
from execution.frames import Here
from execution.jsontext import read_json
from execution.parameters import param, shown
from execution.registry import block
from execution.values import Long, detached, type_name

_EMPTY = MappingProxyType({"data.empty": "``convertString`` is empty"})


def json_object(value: Any) -> dict[str, Any] | None:
    """JSON text of an object, or a map."""
    if isinstance(value, str):
        value = _parsed(value, dict, "an object")
    elif value is not None and not isinstance(value, Mapping):
        raise ValueError(f"JSON text of an object is wanted, not the {type_name(value)} {shown(value)}")
    return value if value is None else dict(detached(value))


def json_array(value: Any) -> list[Any] | None:
    """JSON text of an array, or a list."""
    if isinstance(value, str):
        value = _parsed(value, list, "an array")
    elif value is not None and not isinstance(value, list | tuple):
        raise ValueError(f"JSON text of an array is wanted, not the {type_name(value)} {shown(value)}")
    return value if value is None else list(detached(value))


def _parsed(text: str, kind: type, words: str) -> Any:
    found = read_json(text)
    if not isinstance(found, kind):
        raise ValueError(f"JSON text of {words} is wanted, not {shown(text)}")
    return found


@dataclass(slots=True)
class ToObjectParams:
    """Parameters of StringToJsonObjectBp."""

    convert_string: dict[str, Any] | None = param(
        json_object, required=True, help="The text, at most 1,000,000 characters. A map is taken as it is."
    )


@dataclass(slots=True)
class ToArrayParams:
    """Parameters of StringToJsonArrayBp."""

    convert_string: list[Any] | None = param(
        json_array, required=True, help="The text, at most 1,000,000 characters. A list is taken as it is."
    )


@block(
    "StringToJsonObjectBp",
    params=ToObjectParams,
    outputs={"convertObject": "the object as a map"},
    errors=_EMPTY,
    example={"convertString": '{"target": "A-01", "layers": 3}'},
)
def string_to_json_object(run: Here, params: ToObjectParams) -> dict[str, Any]:
    """Reads a JSON object from a text, so that expressions reach its entries: ``blocks.<name>.convertObject.target``.

    Whole numbers become an Integer or a Long, others a Double, and what neither holds a BigDecimal. A key that
    stands twice, ``NaN`` and more than 100 levels are refused.
    """
    return {"convertObject": _given(params.convert_string)}


@block(
    "StringToJsonArrayBp",
    params=ToArrayParams,
    outputs={"convertArray": "the array as a list"},
    errors=_EMPTY,
    example={"convertString": '["A-01", "A-02"]'},
)
def string_to_json_array(run: Here, params: ToArrayParams) -> dict[str, Any]:
    """Reads a JSON array from a text, for an IterateListBp for example; numbers and limits as for an object."""
    return {"convertArray": _given(params.convert_string)}


def _given(value: Any) -> Any:
    if value is None:
        raise BlockError("data.empty", "convertString is empty.", remedy="Give it JSON text.")
    return value


@block(
    "CurrentTimeStampBp",
    outputs={"currentTimeStamp": "milliseconds since 1970-01-01 00:00 UTC, a Long"},
    example={},
)
def current_time_stamp(run: Here, params: Any) -> Generator[Effect, Any, dict[str, Any]]:
    """Answers the time as a number, on the database's clock, which is the same for all hosts."""
    return {"currentTimeStamp": Long((yield Now()))}


@block(
    "TimestampBp",
    outputs={"timestamp": "date and time as text: ``2026-03-01 14:05:10``"},
    example={},
)
def timestamp(run: Here, params: Any) -> Generator[Effect, Any, dict[str, Any]]:
    """Answers date and time as text, ``yyyy-MM-dd HH:mm:ss``, in the time zone of the installation.

    That is the setting ``TIME_ZONE``. The clock is the database's. A time that must be compared or that other zones
    read is better taken from CurrentTimeStampBp.
    """
    moment = datetime.fromtimestamp((yield Now()) / 1000, ZoneInfo(run.info.time_zone))
    return {"timestamp": f"{moment:%Y-%m-%d %H:%M:%S}"}
