"""Codes are stored, words are made on reading: every code that the program writes has its words."""

from __future__ import annotations

import ast

from scheduler.sentences import LOGS
from tests.architecture.sources import sources


def logged_codes() -> set[str]:
    """Codes of log lines, as written in the sources of the product."""
    return {
        node.args[0].value
        for source in sources()
        if source.within("execution", "scheduler") and not source.within("execution.testing")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] == "Log"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def test_every_log_code_has_a_sentence() -> None:
    codes = logged_codes()

    assert codes, "nothing was found: does the reader still fit the sources?"
    assert codes <= set(LOGS), f"Remedy: a sentence in scheduler/sentences.py: {sorted(codes - set(LOGS))}"
