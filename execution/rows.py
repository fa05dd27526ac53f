"""JSON texts of block records and log lines: quick for what is usual, and cut at a limit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring_ascii
from typing import Any

from execution.outcome import BlockRow
from execution.parameters import ParameterSpec
from execution.values import to_plain

EMPTY = "{}"


def json_text(value: Any) -> str:
    """Ordinary JSON (ASCII, so that any text can be stored anywhere) of a value of the engine."""
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    try:
        return json.dumps(to_plain(value), separators=(",", ":"))
    except RecursionError:  # what is nested as deeply as this fails its block elsewhere; its record must not fail too
        return '"(nested too deeply to be shown)"'


def object_text(values: Mapping[str, Any], limit: int) -> str:
    """JSON of a map of outputs or arguments. Longer than ``limit``: ``{"$cut": <length>, "text": <beginning>}``."""
    if not values:
        return EMPTY
    if len(values) == 1:
        ((key, value),) = values.items()
        text = f"{{{encode_basestring_ascii(key)}:{json_text(value)}}}"
        return text if len(text) <= limit else cut_text(text, limit)
    text = "{" + ",".join([f"{encode_basestring_ascii(key)}:{json_text(value)}" for key, value in values.items()]) + "}"
    return text if len(text) <= limit else cut_text(text, limit)


def cut_text(text: str, limit: int) -> str:
    """Cut a JSON text so that what is left is JSON again and tells the original length."""
    return f'{{"$cut":{len(text)},"text":{encode_basestring_ascii(text[: max(0, limit // 2)])}}}'


def params_encoder(specs: tuple[ParameterSpec, ...], fixed: Mapping[str, Any]) -> Callable[[Any, int], str]:
    """A function that writes a params object as JSON, leaving out what is ``None``; ``fixed`` fields never differ."""
    written = [(spec, f"{encode_basestring_ascii(spec.name)}:") for spec in specs if not spec.deferred]
    constant = [prefix + json_text(fixed[spec.field]) for spec, prefix in written if fixed.get(spec.field) is not None]
    fields = tuple((spec.field, prefix) for spec, prefix in written if spec.field not in fixed)

    if len(fields) == 1:
        return _encode_one(constant, *fields[0])

    def encode(params: Any, limit: int) -> str:
        parts = constant.copy()
        for field, prefix in fields:
            value = getattr(params, field)
            if type(value) is str:
                parts.append(prefix + encode_basestring_ascii(value))
            elif value is not None:
                parts.append(prefix + json_text(value))
        text = "{" + ",".join(parts) + "}"
        return text if len(text) <= limit else cut_text(text, limit)

    return encode


def _encode_one(constant: list[str], field: str, prefix: str) -> Callable[[Any, int], str]:
    """The same when one field can differ, as in most blocks."""
    without = "{" + ",".join(constant) + "}"
    before = "{" + ",".join([*constant, prefix])

    def encode(params: Any, limit: int) -> str:
        value = getattr(params, field)
        text = f"{before}{json_text(value)}}}" if value is not None else without
        return text if len(text) <= limit else cut_text(text, limit)

    return encode


def block_row(*values: Any) -> BlockRow:
    """A row in column order; quicker than the generated constructor."""
    return tuple.__new__(BlockRow, values)


def clean(message: str, limit: int = 1000) -> str:
    """A message fit for a database column: valid Unicode, cut at ``limit``."""
    text = message.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
