"""Text to syntax tree. The parser is LALR and builds nodes as it reduces, so no input can exhaust Python's stack."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from lark import Lark
from lark.exceptions import LarkError, UnexpectedCharacters, UnexpectedEOF, UnexpectedToken, VisitError

from execution.errors import ExpressionError
from execution.expressions.builder import TreeBuilder
from execution.expressions.limits import Limits
from execution.expressions.nodes import Sequence

_PARSER: Final = Lark(
    (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8"),
    parser="lalr",
    lexer="contextual",
    transformer=TreeBuilder(),
    maybe_placeholders=False,
)

_REFUSED_WORD = re.compile(r"\b(new|import|def|function|proto|switch|try|throw|with|assert|in)(\s+[\w.]*)?$")


_TWO_WORDS = re.compile(r"[\w$]\s+([^\W\d][\w$]*)$")


def parse(text: str, limits: Limits) -> Sequence:
    """Read an expression.

    Raises:
        ExpressionError: it does not parse, or is longer or more deeply nested than the limits allow.
    """
    if len(text) > limits.text:
        raise ExpressionError(
            f"The expression has {len(text)} characters; {limits.text} are allowed",
            position=limits.text,
            hint="Put long texts into a task variable or a script.",
        )
    try:
        tree: Any = _PARSER.parse(text)  # the transformer makes a Sequence of it
    except VisitError as error:
        if isinstance(error.orig_exc, ExpressionError):
            raise error.orig_exc from None
        raise
    except ExpressionError:
        raise
    except LarkError as error:
        raise _explain(error, text) from None
    if tree.depth > limits.nesting:
        raise ExpressionError(
            f"The expression is nested {tree.depth} levels deep; {limits.nesting} are allowed",
            hint="Split it and keep the parts in task variables.",
        )
    result: Sequence = tree
    return result


def _explain(error: LarkError, text: str) -> ExpressionError:
    """Turn a parser error into words an operator can act on."""
    if isinstance(error, UnexpectedCharacters):
        return _bad_character(text, error.pos_in_stream or 0)
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        return _bad_token(text, error.token.start_pos or 0, str(error.token))
    if isinstance(error, (UnexpectedEOF, UnexpectedToken)):
        refused = _REFUSED_WORD.search(text.rstrip())
        if refused:
            return refused_word(refused.group(1), refused.start(1))
        words = _TWO_WORDS.search(text.rstrip())
        if words:
            return ExpressionError(
                "An operator is missing between two words", position=words.start(1), hint='A text needs quotes: "A B".'
            )
        return ExpressionError(
            "The expression ends too early",
            position=len(text),
            hint="Something is missing at the end: a value, a quote or a closing bracket.",
        )
    return ExpressionError(f"The expression cannot be read: {error}")


def _bad_character(text: str, position: int) -> ExpressionError:
    found = text[position]
    if found in "\"'":
        return ExpressionError(
            "A text is not closed",
            position=position,
            hint=f"Add the closing {found}; inside a text write \\{found}.",
        )
    if found.isdigit() or found == ".":
        return ExpressionError("This is not a number", position=position, hint='A text needs quotes: "1A".')
    if found == "#":
        return ExpressionError("A comment starts with // here, not with #", position=position)
    if found in "“”‘’＂＇":
        return ExpressionError(
            f"The quote {found} cannot enclose a text", position=position, hint="Use the straight quotes \" or '."
        )
    return ExpressionError(f"The character {found!r} is not expected here", position=position)


def _bad_token(text: str, position: int, token: str) -> ExpressionError:
    if "/*" in text[max(position - 1, 0) : position + 2]:
        return ExpressionError("A comment is not closed", position=position, hint="Add */ at its end.")
    before = text[:position].rstrip()
    refused = _REFUSED_WORD.search(before) or _REFUSED_WORD.search(before + " " + token)
    if refused:
        return refused_word(refused.group(1), refused.start(1))
    if before.endswith(("'", '"')) and token[:1] in "'\"":
        return ExpressionError(
            "A text follows a text",
            position=position,
            hint=f"Join them with +; a quote inside is \\{token[0]}.",
        )
    if token.startswith("=") and not before.endswith("="):
        return ExpressionError(
            "Nothing can be assigned here", position=position, hint="Compare with ==; only local variables take values."
        )
    hint = "Put the branch in braces: { … }." if re.search(r"(\)|\belse)$", before) and "if" in before else ""
    if before.endswith("+") and token.startswith("+"):
        hint = "Write the operator once, between two values."
    return ExpressionError(f"{_shorten(token)} is not expected here", position=position, hint=hint)


def _shorten(token: str) -> str:
    return repr(token if len(token) <= 30 else token[:27] + "...")


def refused_word(word: str, position: int | None) -> ExpressionError:
    """Build the refusal of a part of Java that expressions must not reach."""
    return ExpressionError(
        f"{word!r} is refused in expressions",
        position=position,
        hint="Expressions only read values; use a script block for what needs more.",
    )
