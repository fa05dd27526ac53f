"""No module over 400 lines, no function over 60: what is longer hides a second concept."""

from __future__ import annotations

import ast
import statistics

from tests.architecture.sources import ROOT, sources

MODULE_LINES = 400
FUNCTION_LINES = 60
MEDIAN_FUNCTION_LINES = 20


def _function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_no_module_is_over_400_lines() -> None:
    long = [
        f"{source.path}: {source.text.count(chr(10))} lines"
        for source in (*sources(), *sources(tests=True))
        if source.text.count("\n") > MODULE_LINES
    ]
    long += [
        f"{path.relative_to(ROOT)}: too long"
        for path in sorted((ROOT / "vwed").rglob("static/vwed/**/*.js"))
        if path.read_text(encoding="utf-8").count("\n") > MODULE_LINES
    ]

    assert not long, "Remedy: find the second concept and give it a module of its own.\n" + "\n".join(long)


def test_no_function_is_over_60_lines() -> None:
    long = [
        f"{source.path}:{node.lineno} {node.name}: {_function_lines(node)} lines"
        for source in (*sources(), *sources(tests=True))
        for node in _functions(source.tree)
        if _function_lines(node) > FUNCTION_LINES
    ]

    assert not long, "Remedy: name the steps and make them functions.\n" + "\n".join(long)


def test_the_median_function_is_short() -> None:
    lengths = [_function_lines(node) for source in sources() for node in _functions(source.tree)]

    assert statistics.median(lengths) <= MEDIAN_FUNCTION_LINES


def test_no_module_has_a_name_that_fits_everything() -> None:
    words = {"utils", "util", "helpers", "helper", "common", "manager", "service", "misc", "enhanced"}
    # `StringUtils` is an object of the expression language; its modules carry its name.
    files = [source for source in sources() if not source.module.startswith("execution.expressions.string_utils")]
    found = [source.path for source in files if words & set(source.module.split(".")[-1].split("_"))]

    assert not found, "Remedy: name the missing concept.\n" + "\n".join(found)
