"""``StringUtils`` of commons-lang3, part two: what makes new texts. Null in, null out."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from execution.errors import ExpressionError
from execution.expressions import patterns
from execution.expressions.java_text import merged, units
from execution.expressions.methods import Method
from execution.expressions.runtime import Run
from execution.expressions.string_utils import SEARCHING, null_safe
from execution.expressions.text_methods import repeated, replace_all
from execution.values import JavaArray


def _joined(run: Run, items: Any, between: str) -> str:
    parts = ["" if item is None else run.text_of(item) for item in items]
    run.fits(sum(map(len, parts)) + len(between) * len(parts))
    return between.join(parts)


def _join(run: Run, target: Any, *values: Any) -> str | None:
    """``join(list, separator)``, else all values in a row; a lone list is written as text, as measured."""
    if not values:
        return ""
    if len(values) == 2 and (values[0] is None or isinstance(values[0], (list, tuple))):
        items, between = values
        return None if items is None else _joined(run, items, "" if between is None else run.text_of(between))
    return _joined(run, values, "")


def _join_with(run: Run, target: Any, between: str | None, *values: Any) -> str:
    return _joined(run, values, between or "")


def _split(run: Run, text: str, at: str | None = None, limit: int = 0, keep: bool = False) -> JavaArray:
    """Split at any of the characters of ``at``; empty parts are dropped unless ``keep``."""
    parts: list[str] = []
    current: list[str] = []
    run.fits(len(text))
    for number, char in enumerate(text):
        if not (char.isspace() if at is None else char in at):
            current.append(char)
            continue
        if limit > 0 and len(parts) == limit - 1:
            if not (current or keep):
                continue
            current.append(text[number:])
            break
        if current or keep:
            parts.append("".join(current))
            current = []
    if current or (keep and text):
        parts.append("".join(current))
    return JavaArray(parts)


def _split_whole(run: Run, text: str, at: str | None) -> JavaArray:
    run.fits(len(text))
    parts = [part for part in (text.split(at) if at else text.split()) if part]
    return JavaArray([*parts, ""] if at and text.endswith(at) else parts)


def _replace(run: Run, text: str, old: str | None, new: str | None, most: int = -1) -> str:
    return text if not old or new is None or most == 0 else replace_all(run, text, old, new, most)


def _replace_ignoring_case(run: Run, text: str, old: str | None, new: str | None) -> str:
    if not old or new is None:
        return text
    folded, part = text.lower(), old.lower()
    if len(folded) != len(text):
        raise ExpressionError("This text has characters whose case cannot be ignored")
    parts: list[str] = []
    at = 0
    run.fits(len(text) + folded.count(part) * (len(new) - len(old)))
    while (found := folded.find(part, at)) >= 0:
        parts += (text[at:found], new)
        at = found + len(part)
    return "".join([*parts, text[at:]])


def _replace_characters(run: Run, text: str, old: str | None, new: str | None) -> str:
    if not old:
        return text
    table = {ord(char): (new or "")[index : index + 1] for index, char in reversed(list(enumerate(old)))}
    run.fits(len(text))
    return text.translate(table)


def _replace_each(run: Run, text: str, old: Any, new: Any) -> str:
    if not isinstance(old, list) or not isinstance(new, list) or len(old) != len(new):
        raise ExpressionError("replaceEach needs two lists of the same length")
    pairs = [
        (one, other) for one, other in zip(old, new, strict=True) if isinstance(one, str) and one and other is not None
    ]
    parts: list[str] = []
    at = length = 0
    while True:
        found = [(position, -index) for index, (one, _) in enumerate(pairs) if (position := text.find(one, at)) >= 0]
        if not found:
            break
        position, index = min(found, key=lambda pair: (pair[0], -pair[1]))
        filled = run.text_of(pairs[-index][1])
        run.spend(len(pairs) + len(text) // 64)
        length += position - at + len(filled)
        run.fits(length)
        parts += (text[at:position], filled)
        at = position + len(pairs[-index][0])
    return "".join([*parts, text[at:]])


def _padding(run: Run, text: str, width: int, pad: str | None) -> str:
    missing = width - len(units(text))
    if missing <= 0:
        return ""
    run.fits(width)
    pad = pad or " "
    return (pad * (missing // len(pad) + 1))[:missing]


def _left_pad(run: Run, text: str, width: int, pad: str | None = None) -> str:
    return _padding(run, text, width, pad) + text


def _right_pad(run: Run, text: str, width: int, pad: str | None = None) -> str:
    return text + _padding(run, text, width, pad)


def _center(run: Run, text: str, width: int, pad: str | None = None) -> str:
    left = max(0, width - len(units(text))) // 2
    return _right_pad(run, _left_pad(run, text, len(units(text)) + left, pad), width, pad)


def _repeat(run: Run, target: Any, text: str | None, *rest: Any) -> str | None:
    if len(rest) not in (1, 2) or type(rest[-1]) is not int:
        raise ExpressionError("repeat takes a text and a number, with a text between them if wanted")
    count = max(rest[-1], 0)
    if text is None:
        return None
    if len(rest) == 1 or rest[0] is None:
        return repeated(run, text, count)
    between = run.text_of(rest[0])
    run.fits(count * (len(text) + len(between)))
    return between.join([text] * count)


def _reverse_delimited(run: Run, text: str, at: str) -> str:
    return at.join(reversed(text.split(at)))


def _without_start(run: Run, text: str, part: str | None, fold: bool = False) -> str:
    found = bool(part) and (text.lower().startswith((part or "").lower()) if fold else text.startswith(part or ""))
    return text[len(part or "") :] if found else text


def _without_end(run: Run, text: str, part: str | None, fold: bool = False) -> str:
    found = bool(part) and (text.lower().endswith((part or "").lower()) if fold else text.endswith(part or ""))
    return text[: len(text) - len(part or "")] if found else text


def _abbreviate(run: Run, text: str, width: int) -> str:
    if width < 4:
        raise ExpressionError(f"abbreviate needs a width of at least 4, not {width}")
    return text if len(text) <= width else text[: width - 3] + "..."


def _common_prefix(run: Run, target: Any, *texts: Any) -> str:
    items = list(texts[0]) if len(texts) == 1 and isinstance(texts[0], list) else list(texts)
    if not items or not all(isinstance(item, str) for item in items):
        return ""
    first, last = min(items), max(items)
    same = next((index for index, char in enumerate(first) if char != last[index]), len(first))
    return str(first[:same])


def _difference(run: Run, target: Any, one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return other if one is None else one
    return other[len(_common_prefix(run, None, one, other)) :]


def _overlay(run: Run, text: str, part: str | None, start: int, end: int) -> str:
    low, high = sorted((min(max(start, 0), len(text)), min(max(end, 0), len(text))))
    return text[:low] + (part or "") + text[high:]


def _wrap(run: Run, text: str, around: str | None) -> str:
    return f"{around}{text}{around}" if text and around else text


def _wrap_if_missing(run: Run, text: str, around: str | None) -> str:
    if not text or not around:
        return text
    return ("" if text.startswith(around) else around) + text + ("" if text.endswith(around) else around)


def _unwrap(run: Run, text: str, around: str | None) -> str:
    size = len(around or "")
    wrapped = size and len(text) >= 2 * size and text.startswith(around or "") and text.endswith(around or "")
    return text[size:-size] if wrapped else text


def _rotate(run: Run, text: str, shift: int) -> str:
    at = -shift % len(text) if text else 0
    return text[at:] + text[:at]


def _first(test: Any) -> Any:
    def call(run: Run, target: Any, *texts: Any) -> Any:
        items = list(texts[0]) if len(texts) == 1 and isinstance(texts[0], list) else texts
        return next((text for text in items if test(text)), None)

    return call


def _default(test: Any) -> Any:
    def call(run: Run, target: Any, text: Any, otherwise: Any) -> Any:
        return text if test(text) else otherwise

    return call


def _has_content(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _removed(run: Run, text: str, part: str | None) -> str:
    return text.replace(part, "") if part else text


_EDITING: Final[Mapping[str, Method]] = {
    "join": Method(_join, "*"),
    "joinWith": Method(_join_with, "T*"),
    "split": Method(null_safe(_split), "TTi", 2),
    "splitPreserveAllTokens": Method(null_safe(lambda run, text, at=None: _split(run, text, at, 0, True)), "TT", 1),
    "splitByWholeSeparator": Method(null_safe(_split_whole), "TT"),
    "replace": Method(null_safe(_replace), "TTTi", 1),
    "replaceOnce": Method(null_safe(lambda run, text, old, new: _replace(run, text, old, new, 1)), "TTT"),
    "replaceIgnoreCase": Method(null_safe(_replace_ignoring_case), "TTT"),
    "replaceChars": Method(null_safe(_replace_characters), "TTT"),
    "replaceEach": Method(null_safe(_replace_each), "Too"),
    "replaceAll": Method(null_safe(lambda run, text, old, new: patterns.replaced(old, text, new, run)), "Ttt"),
    "replaceFirst": Method(null_safe(lambda run, text, old, new: patterns.replaced(old, text, new, run, 1)), "Ttt"),
    "removeAll": Method(null_safe(lambda run, text, old: patterns.replaced(old, text, "", run)), "Tt"),
    "remove": Method(null_safe(_removed), "TT"),
    "removeIgnoreCase": Method(null_safe(lambda run, text, part: _replace_ignoring_case(run, text, part, "")), "TT"),
    "removeStart": Method(null_safe(_without_start), "TT"),
    "removeEnd": Method(null_safe(_without_end), "TT"),
    "removeStartIgnoreCase": Method(null_safe(lambda run, text, part: _without_start(run, text, part, True)), "TT"),
    "removeEndIgnoreCase": Method(null_safe(lambda run, text, part: _without_end(run, text, part, True)), "TT"),
    "deleteWhitespace": Method(null_safe(lambda run, text: "".join(text.split())), "T"),
    "normalizeSpace": Method(null_safe(lambda run, text: " ".join(text.split())), "T"),
    "leftPad": Method(null_safe(_left_pad), "TiT", 1),
    "rightPad": Method(null_safe(_right_pad), "TiT", 1),
    "center": Method(null_safe(_center), "TiT", 1),
    "repeat": Method(_repeat, "T*"),
    "upperCase": Method(null_safe(lambda run, text: text.upper()), "T"),
    "lowerCase": Method(null_safe(lambda run, text: text.lower()), "T"),
    "toRootUpperCase": Method(null_safe(lambda run, text: text.upper()), "T"),
    "toRootLowerCase": Method(null_safe(lambda run, text: text.lower()), "T"),
    "capitalize": Method(null_safe(lambda run, text: text[:1].title() + text[1:]), "T"),
    "uncapitalize": Method(null_safe(lambda run, text: text[:1].lower() + text[1:]), "T"),
    "swapCase": Method(null_safe(lambda run, text: text.swapcase()), "T"),
    "reverse": Method(null_safe(lambda run, text: text[::-1]), "T"),
    "reverseDelimited": Method(null_safe(_reverse_delimited), "Tc"),
    "rotate": Method(null_safe(_rotate), "Ti"),
    "strip": Method(null_safe(lambda run, text, chars=None: text.strip(chars)), "TT", 1),
    "stripStart": Method(null_safe(lambda run, text, chars: text.lstrip(chars)), "TT"),
    "stripEnd": Method(null_safe(lambda run, text, chars: text.rstrip(chars)), "TT"),
    "stripToEmpty": Method(null_safe(lambda run, text: text.strip(), ""), "T"),
    "stripToNull": Method(null_safe(lambda run, text: text.strip() or None), "T"),
    "chomp": Method(null_safe(lambda run, text: text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")), "T"),
    "chop": Method(null_safe(lambda run, text: merged(units(text)[:-1])), "T"),
    "abbreviate": Method(null_safe(_abbreviate), "Ti"),
    "difference": Method(_difference, "TT"),
    "getCommonPrefix": Method(_common_prefix, "*"),
    "getDigits": Method(null_safe(lambda run, text: "".join(filter(str.isdecimal, text))), "T"),
    "overlay": Method(null_safe(_overlay), "TTii"),
    "wrap": Method(null_safe(_wrap), "TT"),
    "wrapIfMissing": Method(null_safe(_wrap_if_missing), "TT"),
    "unwrap": Method(null_safe(_unwrap), "TT"),
    "appendIfMissing": Method(
        null_safe(lambda run, text, part: text if not part or text.endswith(part) else text + part), "TT"
    ),
    "prependIfMissing": Method(
        null_safe(lambda run, text, part: text if not part or text.startswith(part) else part + text), "TT"
    ),
    "defaultString": Method(lambda run, target, text, otherwise="": otherwise if text is None else text, "TT", 1),
    "defaultIfBlank": Method(_default(_has_content), "SS"),
    "defaultIfEmpty": Method(_default(bool), "SS"),
    "firstNonBlank": Method(_first(_has_content), "*"),
    "firstNonEmpty": Method(_first(bool), "*"),
    "valueOf": Method(null_safe(lambda run, text: text, "null"), "T"),
}

STRING_UTILS: Final[Mapping[str, Method]] = MappingProxyType({**SEARCHING, **_EDITING})
