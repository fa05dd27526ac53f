"""Whatever the text, an expression ends soon, in a value or an error, and reaches nothing of Python or Java."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.expressions import DEFAULT_LIMITS, ExpressionError, Limits, compile, evaluate
from execution.values import Long, to_text, type_name

TYPES = {"Boolean", "Integer", "Long", "Double", "BigDecimal", "String", "Character", "List", "Array", "Map", "null"}
SMALL = Limits(text=2000, result=10_000, steps=5_000)


def scope() -> dict[str, Any]:
    return {
        "taskInputs": {"a": "text", "n": 3, "l": Long(5), "d": 2.5, "items": ["x", "y"], "m": {"k": "v"}, "z": None},
        "blocks": {"b1": {"siteId": "A-01"}},
        "task": {"id": "t", "variables": {"v": "1"}},
    }


def refused(text: str, limits: Limits = DEFAULT_LIMITS, **values: Any) -> ExpressionError:
    started = time.monotonic()
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, {**scope(), **values}, limits=limits)
    assert time.monotonic() - started < 5
    assert len(str(caught.value)) < 1000
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "taskInputs.__class__",
        "taskInputs.a.__class__.__mro__",
        'taskInputs["a"].__init__',
        "taskInputs.a.__len__()",
        "taskInputs.a.format('{0.__class__}')",
        "taskInputs.a.encode()",
        "taskInputs.a.join(taskInputs.items)",
        "taskInputs.items.append('x')",
        "taskInputs.m.items()",
        "taskInputs.m.pop('k')",
        "taskInputs.n.real",
        "taskInputs.n.bit_length()",
        "taskInputs.d.hex()",
        "Math.members",
        "Math.__class__",
        "StringUtils.__dict__",
        "StringUtils.isEmpty.call",
        "__import__('os')",
        "eval('1')",
        "open('/etc/passwd')",
        "taskInputs.getClass()",
        "taskInputs.a.class",
        "'a'.getClass().forName('java.lang.Runtime')",
        "System.exit(0)",
        "Runtime.getRuntime().exec('id')",
        "java.lang.System.getenv()",
        "new java.io.File('/')",
        "new String('a')",
        "import java.util.*; 1",
        "def f() { 1 }; f()",
        "Thread.sleep(1000)",
        "this",
        "taskInputs = 1",
        "for (task : 3) { task }",
        "System = 1; System",
        "blocks.b1.siteId = 'x'",
        "taskInputs['a'] = 1",
        "taskInputs.put('a', 1)",
        "taskInputs.items.clear()",
        "Math",
        "x = Math; x.abs(1)",
        "[Math]",
        "(Integer).MAX_VALUE + String",
    ],
)
def test_nothing_behind_the_values_can_be_reached(text: str) -> None:
    refused(text)


def test_the_scope_is_never_changed() -> None:
    values = scope()
    for text in ("taskInputs.items + 'z'", "taskInputs.m.keySet()", "taskInputs.a + 'x'", "x = taskInputs; x.n + 1"):
        evaluate(text, values)
    assert values == scope()


class Trap:
    """An object with attributes an expression must not see."""

    secret = "found"

    def leak(self) -> str:
        return self.secret


@pytest.mark.parametrize("text", ["o.secret", "o.leak()", "o['secret']", "o.__dict__", "o.?__dict__"])
def test_attributes_of_unknown_objects_are_out_of_reach(text: str) -> None:
    refused(text, o=Trap())


def test_an_unknown_object_has_a_text_form_that_says_nothing() -> None:
    assert evaluate("'' + o", {"o": Trap()}) == "<Trap>"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "(" * 9_000 + "1" + ")" * 9_000 + "+",
        "[" * 5_000 + "]" * 5_000,
        "!" * 5_000 + "true",
        "-" * 5_001 + "taskInputs.n",
        "true ? " * 2_000 + "1" + " : 2" * 2_000,
        "taskInputs" + ".m" * 5_000,
        "taskInputs" + "['m']" * 2_000,
        "'a'" + ".trim()" * 2_000,
        "if (true) { " * 500 + "1" + " }" * 500,
        "x = " * 3_000 + "1",
        "1 == " * 4_000 + "1",
        "a" * 30_000,
        '"' + "x" * 30_000 + '"',
    ],
    ids=lambda text: text[:12],
)
def test_size_and_nesting_end_in_an_error(text: str) -> None:
    refused(text)


def test_long_flat_expressions_are_fine() -> None:
    assert evaluate("+".join(["1"] * 5_000), {}) == 5_000
    assert evaluate(" && ".join(["true"] * 2_000), {}) is True
    assert evaluate("1 == 2 ? 3 : " * 1_000 + "4", {}) == 4
    assert evaluate("if (1 == 2) { 3 } else " * 500 + "{ 4 }", {}) == 4
    assert evaluate(";" * 10_000 + "7", {}) == 7
    assert evaluate("(" * 5_000 + "1" + ")" * 5_000, {}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "'abcdefghij'.repeat(200000)",
        "'a'.repeat(2000000000)",
        "StringUtils.repeat('ab', 2000000000)",
        "StringUtils.repeat('a', ',', 2000000000)",
        "StringUtils.leftPad('a', 2000000000)",
        "StringUtils.center('a', 2000000000, 'xy')",
        "String.format('%2000000000d', 1)",
        "String.format('%.999999999f', 1.0)",
        "'a'.repeat(100000).replace('a', 'a'.repeat(1000))",
        "'a'.repeat(100000).replaceAll('a', 'b'.repeat(1000))",
        "'a'.repeat(1000000).replace('', 'xy')",
        "x = 'a'; while (true) { x = x + x; }",
        "x = [1]; while (true) { x = x + x; }",
        "x = [1]; for (i : 40) { x = [x, x]; } '' + x",
        "x = [1]; for (i : 40) { x = [x, x]; } x",
        "x = [1]; y = [1]; for (i : 40) { x = [x, x]; y = [y, y]; } x == y",
        "x = [1]; for (i : 40) { x = ['k': x, 'l': x]; } x",
        "x = [1]; for (i : 400) { x = [x]; } x",
        "x = 'a'; for (i : 2000000000) { x = x + 'a'; }",
        "while (true) { 1 }",
        "do { 1 } while (true)",
        "for (int i = 0; i < 10; i = i) { 1 }",
        "for (i : 100000) { for (j : 100000) { 1 } }",
        "for (i : 1000000) { 'a'.repeat(900000).indexOf('b') }",
        "x = 'a'.repeat(900000); for (i : 10000) { x == x + '' }",
        "x = 'a'.repeat(900000); for (i : 10000) { StringUtils.isAlpha(x) }",
        "x = 'a'.repeat(900000); for (i : 10000) { StringUtils.indexOfAny(x, x + 'b') }",
        "x = 'a'.repeat(900000).split(''); for (i : 10000) { StringUtils.join(x, '') }",
        "x = 'a'.repeat(50000).split(''); for (i : 10000) { x contains 'b' }",
        "'\ufb03'.repeat(900000).toUpperCase()",
        "x = 'a'.repeat(24) + 'b'; for (i : 10000) { x ~= '(a|aa)+' }",
        "StringUtils.join(taskInputs.items, 'a'.repeat(999999)) + 'x'.repeat(10)",
    ],
)
def test_growth_and_endless_loops_end_in_an_error(text: str) -> None:
    refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "9 ** 99999999999999999999",
        "99999999999999999999999",
        "1.5B ** 999999",
        "10B ** 999 ** 999",
        "0x" + "f" * 10_000,
        "1e999999B",
        "(int) 99999999999L",
        "Integer.parseInt('9'.repeat(100000))",
        "1B / 0",
    ],
    ids=lambda text: text[:20],
)
def test_numbers_without_measure_end_in_an_error(text: str) -> None:
    refused(text)


def test_large_doubles_become_infinite_as_in_java() -> None:
    assert evaluate("2.0 ** 99999", {}) == float("inf")
    assert evaluate("Math.pow(10, 400)", {}) == float("inf")
    assert to_text(evaluate("1e308 * 10", {})) == "Infinity"
    assert evaluate("9999999999 ** 50", {}) == 2**63 - 1


@pytest.mark.parametrize(
    "text",
    [
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' ~= '(a|aa)+'",
        "'" + "a" * 60 + "!' ~= '(a|a|aa)*b?'",
        "'a' ~= '(a{500}){500}'",
        "'a' ~= '" + "(" * 600 + ")" * 600 + "'",
        "'a' ~= '" + "a" * 2000 + "'",
        "'a' ~= '('",
        "'a' ~= '[z-a]'",
        "'abc'.replaceAll('b', '$7')",
        "'abc'.replaceAll('b', '\\\\')",
    ],
    ids=lambda text: text[:24],
)
def test_patterns_cannot_run_away(text: str) -> None:
    if "{500}" not in text and "(((" not in text and "aaa" in text:
        refused(text, Limits(pattern_seconds=0.1))
    else:
        refused(text)


def test_deeply_nested_values_end_in_an_error() -> None:
    deep: Any = []
    for _ in range(3_000):
        deep = [deep]
    refused("'' + deep", deep=deep)
    refused("deep == [deep]", deep=deep)
    refused("[deep] contains deep", deep=[[deep]])


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200))
def test_random_text_gives_a_value_or_an_expression_error(text: str) -> None:
    attempt(text)


PIECES = st.sampled_from(
    [
        "taskInputs",
        "blocks",
        "task",
        "variables",
        ".n",
        ".a",
        ".l",
        ".d",
        ".items",
        ".m",
        ".z",
        ".?",
        ".",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        ";",
        "?",
        "+",
        "-",
        "*",
        "/",
        "%",
        "**",
        "==",
        "!=",
        "<",
        ">",
        "&&",
        "||",
        "!",
        "or",
        "and",
        "is",
        "contains",
        "~=",
        "instanceof",
        "Integer",
        "String",
        "Math",
        "StringUtils",
        ".length()",
        ".split(",
        ".substring(",
        ".get(",
        ".size()",
        ".replace(",
        ".charAt(",
        ".repeat(",
        ".max(",
        ".abs(",
        ".join(",
        ".format(",
        "1",
        "0",
        "2L",
        "2.5",
        "1.5B",
        "'a'",
        '"%s"',
        "null",
        "true",
        "empty",
        "x",
        "=",
        "x++",
        "if",
        "else",
        "for",
        "while",
        "return",
        "//",
        "/*",
        "*/",
        "0x10",
        "-1",
        "2147483647",
        "(int)",
        "(String)",
        "isdef",
        "\n",
        "\\",
        "'",
        '"',
    ]
)


@settings(max_examples=600, deadline=None)
@given(st.lists(PIECES, max_size=14), st.booleans())
def test_random_pieces_give_a_value_or_an_expression_error(pieces: list[str], spaced: bool) -> None:
    attempt((" " if spaced else "").join(pieces))


def attempt(text: str) -> None:
    started = time.monotonic()
    try:
        value = compile(text, SMALL).evaluate(scope())
    except ExpressionError as error:
        refusal: ExpressionError | None = error
    else:
        refusal = None
        assert type_name(value) in TYPES
        assert len(to_text(value)) <= 20_000
    assert time.monotonic() - started < 5
    if refusal is not None:
        assert refusal.message
        assert refusal.position is None or 0 <= refusal.position <= len(text)
