"""Every code that the engine or the scheduler says has its sentence."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from django.utils import translation

from scheduler import sentences
from tests.architecture.sources import sources


def said_codes() -> Iterator[tuple[str, str]]:
    """(code, file) of every ``Log("code", …)`` and ``LogLine.objects.create(code="…")``."""
    for source in sources():
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name == "Log" and node.args and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value), source.module
            if name == "create" and ast.unparse(node.func).startswith("LogLine"):
                for keyword in node.keywords:
                    if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                        yield str(keyword.value.value), source.module


def test_every_log_code_has_a_sentence() -> None:
    codes = {code: path for code, path in said_codes() if "testing" not in path}
    assert "order.failed" in codes, "the search finds nothing any more; repair it"
    missing = {code: path for code, path in codes.items() if code not in sentences.LOGS}
    assert not missing, f"add a sentence to scheduler/sentences.py for {missing}"


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_sentence_with_missing_arguments_still_says_something(language: str) -> None:
    with translation.override(language):
        assert "{site}" in sentences.wait_sentence("lock", {"holder": "kim"})
        assert sentences.log_sentence("no.such.code", {"a": 1}) == "no.such.code: a=1"
        assert sentences.log_sentence("block.print", {"message": "100 % {x} {0!r}"}) == "100 % {x} {0!r}"
        assert sentences.log_sentence("block.print", {"message": None}) == "–"
