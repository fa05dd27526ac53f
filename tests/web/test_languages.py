"""Both languages: every sentence code speaks Chinese, and numbers look right in both."""

from __future__ import annotations

import re

import pytest
from django.utils import translation

from scheduler import sentences
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
