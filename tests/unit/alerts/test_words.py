"""Every rule has words, bounds that its own figures keep, and says everything that its readers know."""

from __future__ import annotations

import re

import pytest
from django.utils import translation

from vwed.alerts import words
from vwed.alerts.readers import _READERS as READERS
from vwed.alerts.readers import Readers
from vwed.alerts.rules import RULES, SEVERITIES, Rule
from vwed.models import Alert

#: What the readers give each sentence (tests/db/alerts/test_readers.py looks at the values).
_NAME = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_is_declared_within_its_own_bounds(rule: Rule) -> None:
    assert rule.severity in SEVERITIES
    assert rule.switch or rule.least <= rule.threshold <= rule.most
    assert rule.clear_margin <= rule.threshold, "it could never clear"


def test_every_rule_has_words_and_a_reader() -> None:
    codes = [rule.code for rule in RULES]
    assert sorted(words.WORDS) == sorted(codes)
    assert sorted([*READERS, "pool_waits"]) == sorted(codes)
    assert hasattr(Readers, "_pool_waits")
    assert all(len(each.advice) == 3 for each in words.WORDS.values())


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_sentence_stands_with_and_without_what_it_is_about(rule: Rule, language: str) -> None:
    known = set(_NAME.findall(str(words.WORDS[rule.code].sentence))) - {"value", "threshold"}
    full = Alert(rule=rule.code, object_key="o", value=12.0, threshold=1.0, args={name: f"<{name}>" for name in known})
    empty = Alert(rule=rule.code, object_key="o", value=None, threshold=None, args={})
    with translation.override(language):
        said, bare = words.sentence(full), words.sentence(empty)
    assert all(f"<{name}>" in said for name in known)
    assert "%(" not in said + bare
    if language == "zh-hans":
        assert re.search(r"[\u4e00-\u9fff]", said)


@pytest.mark.parametrize(
    ("value", "unit", "wanted"),
    [
        (None, "s", "–"),
        (92, "s", "1 m 32 s"),
        (81.4, "%", "81 %"),
        (0.42, "%", "0.4 %"),
        (1234, "MB", "1234 MB"),
        (2.5, "MB/day", "2.5 MB a day"),
        (3, "waits", "3"),
    ],
)
def test_amounts_have_their_units(value: float | None, unit: str, wanted: str) -> None:
    assert words.amount(value, unit) == wanted


def test_an_alert_of_a_rule_that_this_version_does_not_have_is_still_named() -> None:
    assert words.sentence(Alert(rule="gone", object_key="x")) == "gone x"
    assert words.title("gone") == "gone"
    assert words.advice("gone") == ()
