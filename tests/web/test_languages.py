"""Both languages: every sentence code speaks Chinese, and numbers look right in both."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils import translation

from scheduler import sentences
from scheduler.admin.audit_words import ACTIONS, FIELDS, differences
from scheduler.models import AuditEntry
from vwed.console import formats

_HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("code", [*sentences.WAITS, *(set(sentences.LOGS) - {"block.print"})])
def test_every_sentence_exists_in_chinese(code: str) -> None:
    say = sentences.wait_sentence if code in sentences.WAITS else sentences.log_sentence
    with translation.override("zh-hans"):
        assert _HAN.search(say(code, {}))


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0.42, "420 ms", "420 毫秒"),
        (12.4, "12.4 s", "12.4 秒"),
        (724, "12 m 04 s", "12 分 04 秒"),
        (11_220, "3 h 07 m", "3 时 07 分"),
        (187_200, "2 d 4 h", "2 天 4 时"),
        (-3, "0 ms", "0 毫秒"),
    ],
)
def test_durations_speak_both_languages(seconds: float, english: str, chinese: str) -> None:
    with translation.override("en"):
        assert formats.duration(seconds) == english
    with translation.override("zh-hans"):
        assert formats.duration(seconds) == chinese


@pytest.mark.parametrize(
    ("size", "text"), [(182_400_000, "182 MB"), (14_100_000, "14.1 MB"), (10_500_000_000, "10.5 GB"), (0, "0.0 MB")]
)
def test_sizes_are_megabytes_of_a_million_bytes(size: int, text: str) -> None:
    assert formats.megabytes(size) == text


def _audited_actions() -> set[str]:
    """Every action that our code writes into the audit log: given by its name, or chosen and handed on."""
    root = Path(__file__).resolve().parents[2]
    found: set[str] = set()
    for package in ("scheduler", "vwed", "storage"):
        for path in (root / package).rglob("*.py"):
            text = path.read_text()
            if "audit.record(" in text or path.name == "sites.py":
                found |= set(re.findall(r'action="([a-z_]+)"', text))
                found |= set(re.findall(r'"([a-z]+_(?:location|setting))"', text))
    return found - {"store_true"}  # argparse


def test_every_action_field_and_status_of_the_audit_log_speaks_chinese() -> None:
    actions = _audited_actions()
    entry = AuditEntry(before={"status": "waiting", "locked_by": ""}, after={"status": "cancelled", "disabled": True})

    settings = {"change_setting", "rollback_setting", "cancel_setting", "replace_clusters"}
    assert {"cancel", "run_task", "lock_location"} | settings <= actions <= set(ACTIONS)
    with translation.override("zh-hans"):
        assert all(_HAN.search(str(word)) for word in (*ACTIONS.values(), *FIELDS.values()))
        status, lock, use = differences(entry)
        assert all(_HAN.search(str(text)) for text in (status.old, status.new, use.new))
        assert (lock.old, lock.new, use.old) == ("–", "–", None)
