"""One word for one thing, in both languages: the catalogue uses the words of docs/glossary.md."""

from __future__ import annotations

import re

from tests.architecture.sources import ROOT

_ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_ENTRY = re.compile(r'^msgid "(.+)"\nmsgstr(?:\[0\])? "(.+)"$', re.MULTILINE)
#: English words that mean something else on another page: a log level, a loop's rounds, "keep as it is".
HOMONYMS = {"level", "cancel", "attempt"}


def terms() -> dict[str, str]:
    """Plain terms of the glossary; rows with alternatives or remarks are for readers only."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = {english.strip(): chinese.strip() for english, chinese in _ROW.findall(text)}
    return {
        english.lower(): chinese
        for english, chinese in rows.items()
        if not re.search(r"[/(…{]", english + chinese) and english not in {"English", "---"}
    }


def test_the_catalogue_uses_the_words_of_the_glossary() -> None:
    catalogue = (ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    translated = {english.lower(): chinese for english, chinese in _ENTRY.findall(catalogue)}
    wanted = terms()
    common = (wanted.keys() & translated.keys()) - HOMONYMS
    wrong = [f"{word}: {translated[word]}, not {wanted[word]}" for word in common if translated[word] != wanted[word]]

    assert len(common) > 20, "the table or the catalogue is not read as it should be"
    assert not wrong, "Remedy: the glossary's word in locale/zh_Hans, or a better word in both.\n" + "\n".join(wrong)
