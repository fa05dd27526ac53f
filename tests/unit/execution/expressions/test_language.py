"""What the measured tables do not show: positions, hints, lenient variables, statements, what is read, limits."""

from __future__ import annotations

from typing import Any

import pytest

from execution.expressions import ExpressionError, Limits, compile, evaluate
from execution.values import Long, type_name

SCOPE: dict[str, Any] = {
    "taskInputs": {"qty": Long(5), "from": "A-01", "items": ["S1", "S2"], "flag": True, "nothing": None},
    "blocks": {"b1": {"siteId": "A-01"}, "b2": {"index": 0, "size": 3}},
    "task": {"id": "t", "variables": {"dropSite": "LM6"}},
}


def error_of(text: str, **options: Any) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, SCOPE, **options)
    return caught.value


@pytest.mark.parametrize(
    ("text", "position", "message", "hint"),
    [
        ("LM1", 0, "LM1 is not known here", 'A text needs quotes: "LM1".'),
        ("taskInput.qty", 0, "taskInput is not known here", "Did you mean taskInputs?"),
        ("1 + taskInputs.qyt", 15, "taskInputs has no qyt", "Did you mean qty?"),
        ("blocks.b9.siteId", 7, "blocks has no b9", "There is: b1, b2."),
        ("blocks.b1.siteID", 10, "blocks.b1 has no siteID", "Did you mean siteId?"),
        ("task.variables.x", 15, "task.variables has no x", "There is: dropSite."),
        ("taskInputs.nothing.x", 19, "taskInputs.nothing is null", "Check taskInputs.nothing != null first"),
        ("taskInputs.nothing.length()", 19, "taskInputs.nothing is null", "Check"),
        ("taskInputs.items[2]", 17, "Index 2 is outside the list, which has 2 elements", "index 0"),
        ("taskInputs.from.substring(9)", 16, "outside the text, which has 4 characters", "StringUtils.substring"),
        ("taskInputs.from.lenght()", 16, "String has no method lenght", "Did you mean length?"),
        ("StringUtils.isEmty('')", 12, "StringUtils has no method isEmty", "Did you mean isEmpty?"),
        ("'a'.substring()", 4, "substring takes 1 to 2 arguments, not 0", ""),
        ("'a'.contains(5)", 4, "Argument 1 of contains is Integer, it must be a text", ""),
        ("'abc' - 1", 6, "- does not work on String and Integer", "Only texts that are numbers"),
        ("'abc' > 5", 6, "> compares the text 'abc' with a number", ""),
        ("taskInputs.qty ? 1 : 2", 11, "true or false is expected, not Long", "== true"),
        ("taskInputs.nothing && true", 11, "true or false is expected, not null", "!= null"),
        ("1 +", 3, "The expression ends too early", "missing at the end"),
        ("(1", 2, "The expression ends too early", "closing bracket"),
        ("1)", 1, "')' is not expected here", ""),
        ("'abc", 0, "A text is not closed", "closing '"),
        ("/* abc", 0, "A comment is not closed", "*/"),
        ("1 + 12abc", 4, "This is not a number", "quotes"),
        ("“A”", 0, "The quote “ cannot enclose a text", "straight quotes"),
        ("x = 1; y == 2; 'a' = 3", 19, "Nothing can be assigned here", "=="),
        ("\"\\d\"", 1, "\\d is not an escape", "backslash"),
        ("1 /* abc", 3, "A comment is not closed", "*/"),
        ("hello world", 6, "An operator is missing", "quotes"),
        ("new Date", 0, "'new' is refused", "script block"),
        ("new Date()", 0, "'new' is refused", "script block"),
        ("System.exit(1)", 0, "'System' is refused", "script block"),
        ("foo(1)", 0, "There is no function foo", ""),
        ("1 % 0", 2, "Remainder of a division by zero", "divisor"),
        ("[1].add(2)", 4, "add() is refused: expressions only read", "+"),
    ],
)  # fmt: skip
def test_an_error_says_where_what_and_what_to_do(text: str, position: int, message: str, hint: str) -> None:
    error = error_of(text)
    assert error.position == position
    assert message in error.message
    assert hint in error.hint
    assert error.text == text


def test_the_position_is_that_of_the_innermost_fault() -> None:
    assert error_of("1 + (2 * ('a' - 1))").position == 14
    assert error_of("true && (1 > 0 ? blocks.b1.x : 2)").position == 27
    assert error_of("1 +\n2 + foo").position == 8


def test_a_missing_task_variable_is_null_unless_variables_are_strict() -> None:
    assert evaluate("task.variables.x", SCOPE, strict_variables=False) is None
    assert evaluate("task.variables.x != true", SCOPE, strict_variables=False) is True
    assert evaluate("task.variables.x + 'a'", SCOPE, strict_variables=False) == "nulla"
    assert compile("task.variables.x == null").evaluate(SCOPE) is True
    error_of("task.variables.x == null", strict_variables=True)


@pytest.mark.parametrize(
    "text",
    ["blocks.b9 == null", "blocks.b1.x", "taskInputs.x", "task.x", "task.variables.x.y", "task.variables.x.length()",
     "x", "task.variables.class", "task.variables.__class__"],
)  # fmt: skip
def test_nothing_else_becomes_null_without_strict_variables(text: str) -> None:
    error_of(text, strict_variables=False)


@pytest.mark.parametrize("text", ["", "   ", "\n", "// only a comment", "/* one */ // two", ";;"])
def test_text_without_an_expression_is_null(text: str) -> None:
    assert evaluate(text, SCOPE) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("s = 0; for (int i = 1; i <= 10; i++) { s += i; } s", 55),
        ("s = ''; for (x : taskInputs.items) { s += x; } s", "S1S2"),
        ("s = ''; foreach (c : 'abc') { s = c + s; } s", "cba"),
        ("s = 0; for (n : 4) { s += n; }; s", 10),
        ("x = 0; while (x < 5) { x = x + 2; } x", 6),
        ("x = 0; until (x == 3) { x++; } x", 3),
        ("x = 9; do { x--; } while (x > 5); x", 5),
        ("for (x : taskInputs.items) { if (x == 'S2') { return x + '!'; } } 'none'", "S2!"),
        ("if (taskInputs.qty > 3) { 'big' } else if (taskInputs.qty > 1) { 'mid' } else { 'small' }", "big"),
        ("if (false) { 1 }", None),
        ("if (taskInputs.flag) return 'yes'; return 'no';", "yes"),
        ("int n = '5'; n + 1", 6),
        ("double d = 5; d", 5.0),
        ("a = b = 2; a + b", 4),
        ("x = 1; /* c */ x += 1; // d\n x", 2),
        ("return;", None),
    ],
)
def test_statements_compute(text: str, value: Any) -> None:
    result = evaluate(text, SCOPE)
    assert result == value
    assert type(result) is type(value)


def test_local_variables_do_not_outlive_an_evaluation() -> None:
    expression = compile("if (taskInputs.flag) { x = 1; } x")
    assert expression.evaluate(SCOPE) == 1
    with pytest.raises(ExpressionError, match="x is not known here"):
        expression.evaluate({**SCOPE, "taskInputs": {"flag": False}})


@pytest.mark.parametrize(
    ("text", "outputs", "everything", "variables"),
    [
        ("taskInputs.qty", set(), False, False),
        ("'blocks.b1.siteId'", set(), False, False),
        ("blocks.b1.siteId", {("b1", "siteId")}, False, False),
        ("blocks['b1'].siteId + blocks.b2.index", {("b1", "siteId"), ("b2", "index")}, False, False),
        ("blocks.?b1.?siteId", {("b1", "siteId")}, False, False),
        ("blocks.b1.site.filled", {("b1", "site")}, False, False),
        ("blocks.b1", {("b1", None)}, False, False),
        ("blocks.b1.size", {("b1", None)}, False, False),
        ("blocks.b1.get('x')", {("b1", None)}, False, False),
        ("blocks.b1[taskInputs.key]", {("b1", None)}, False, False),
        ("blocks[taskInputs.key]", set(), True, False),
        ("blocks.get('b1')", set(), True, False),
        ("blocks", set(), True, False),
        ("x = blocks; x.b1.siteId", set(), True, False),
        ("[blocks.b1.a, {blocks.b2.b}]", {("b1", "a"), ("b2", "b")}, False, False),
        ("taskInputs.items[blocks.b2.index]", {("b2", "index")}, False, False),
        ("StringUtils.isEmpty(blocks.b1.a)", {("b1", "a")}, False, False),
        ("if (blocks.b1.a) { blocks.b2.b } else { for (x : blocks.b3.c) { x } }",
         {("b1", "a"), ("b2", "b"), ("b3", "c")}, False, False),
        ("task.variables.x", set(), False, True),
        ("task['variables'].x", set(), False, True),
        ("task", set(), False, True),
        ("task.id", set(), False, False),
    ],
)  # fmt: skip
def test_what_an_expression_can_read_is_known_without_running_it(
    text: str, outputs: set[tuple[str, str | None]], everything: bool, variables: bool
) -> None:
    reads = compile(text).reads
    assert reads.outputs == outputs
    assert reads.all_outputs is everything
    assert reads.variables is variables


def test_reads_answer_for_one_output() -> None:
    reads = compile("blocks.b1.a + blocks.b2").reads
    assert reads.may_read("b1", "a")
    assert not reads.may_read("b1", "b")
    assert reads.may_read("b2", "anything")
    assert compile("blocks[taskInputs.x]").reads.may_read("b7", "c")
    assert compile("taskInputs.x + task.id").names == {"taskInputs", "task"}


@pytest.mark.parametrize(
    ("limits", "text", "message"),
    [
        (Limits(text=5), "'abcdef'", "8 characters; 5 are allowed"),
        (Limits(nesting=4), "!(!(!(!true)))", "levels deep; 4 are allowed"),
        (Limits(result=10), "'abcdef'.repeat(20)", "more than 10 characters"),
        (Limits(steps=50), "for (i : 100) { i }", "more than 50 steps"),
        (Limits(pattern=3), "'a' ~= 'abcd'", "4 characters; 3 are allowed"),
    ],
)
def test_every_limit_is_kept_and_named(limits: Limits, text: str, message: str) -> None:
    assert message in error_of(text, limits=limits).message


def test_characters_beyond_the_basic_plane_count_twice_and_are_never_cut_to_halves() -> None:
    assert evaluate("'😀a'.length()", SCOPE) == 3
    assert evaluate("'😀a'.indexOf('a')", SCOPE) == 2
    assert evaluate("'😀a'.substring(2)", SCOPE) == "a"
    assert evaluate("'\\ud83d\\ude00'", SCOPE) == "😀"
    evaluate("'😀'.substring(0, 1) + '\\ud83d'", SCOPE).encode("utf-8")


def test_chinese_names_and_texts_are_ordinary() -> None:
    scope = {"taskInputs": {"数量": 3}, "blocks": {}, "task": {}}
    assert evaluate("taskInputs.数量 + '件'", scope) == "3件"
    assert evaluate("库位 = 'A'; 库位 + 1", scope) == "A1"


def test_a_compiled_expression_serves_many_scopes() -> None:
    expression = compile("taskInputs.n * 2")
    assert [expression.evaluate({"taskInputs": {"n": n}}) for n in (1, 2)] == [2, 4]
    assert type_name(expression.evaluate({"taskInputs": {"n": Long(4)}})) == "Long"
    assert compile(" 'x' ").constant
    assert not compile("taskInputs.n").constant
