"""Texts as Java sees them: rows of UTF-16 units. Only texts beyond the basic plane pay for it."""

from __future__ import annotations


class Blank(str):
    """The word ``empty``: equal to everything that is empty, and an empty text otherwise."""

    __slots__ = ()


EMPTY = Blank()


def units(text: str) -> str:
    """Spread characters beyond the basic plane into two surrogates, so that offsets count as in Java."""
    if text.isascii() or max(text) <= "\uffff":
        return text
    data = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(data[i] | data[i + 1] << 8) for i in range(0, len(data), 2))


def merged(text: str) -> str:
    """Join surrogate pairs again. A lone surrogate, which no file or database could store, becomes U+FFFD."""
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
