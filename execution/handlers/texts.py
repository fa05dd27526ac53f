"""Texts that are made: identifiers, digests, names by chance.

What these blocks answer is the same when a block is entered again after a crash, and different in every other block,
round, branch, attempt and run: chance comes from a cryptographic hash of what names this one execution.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from execution.effects import Effect
from execution.errors import BlockError
from execution.frames import Here
from execution.parameters import param, shown, text, whole
from execution.registry import block

MAX_LENGTH = 1_000_000_000
MAX_START = 10**18
MAX_WIDTH = 64


@dataclass(slots=True)
class Md5Params:
    """Parameters of Md5EncryptionForStringBp."""

    string: str | None = param(text, required=True, help="The text; any other value is taken as text.")


@dataclass(slots=True)
class RandomSiteParams:
    """Parameters of RandomSiteBp."""

    prefix: str | None = param(text, help="What the name begins with; left out: nothing.")
    start: int | None = param(whole, required=True, help="The smallest number, 0 or more.")
    length: int | None = param(whole, required=True, help="How many numbers there are, from 1 to 1,000,000,000.")
    width: int | None = param(whole, help="Digits: shorter numbers get zeros in front, 0 to 64; left out: none.")


@block(
    "CreateUuidBp",
    outputs={"createUuid": "the identifier: 36 characters, small letters, with hyphens"},
    example={},
)
def create_uuid(run: Here, params: Any) -> Generator[Effect, Any, dict[str, Any]]:
    """Makes a UUID of the random kind (version 4).

    Its 122 free bits are those of a SHA-256 over run, attempt, block and round. That is as evenly spread as
    chance, and unlike chance the same after a crash. It is no secret.
    """
    yield from ()
    return {"createUuid": str(UUID(bytes=_chance(run, "uuid")[:16], version=4))}


@block(
    "Md5EncryptionForStringBp",
    params=Md5Params,
    outputs={"hexValue": "the digest: 32 hexadecimal digits, small letters"},
    errors={"text.empty": "``string`` is nothing"},
    example={"string": "=task.taskRecordId"},
)
def md5_of_string(run: Here, params: Md5Params) -> dict[str, Any]:
    """Answers the MD5 digest of a text in UTF-8. It proves nothing about who made it; old systems ask for it."""
    if params.string is None:
        raise BlockError("text.empty", "string is empty.", remedy="Give a text.")
    return {"hexValue": hashlib.md5(params.string.encode(), usedforsecurity=False).hexdigest()}


@block(
    "RandomSiteBp",
    params=RandomSiteParams,
    outputs={"randomName": "the name: prefix and number"},
    errors={"text.range": "``start``, ``length`` or ``width`` is missing or outside its bounds"},
    example={"prefix": "AP-", "start": 1, "length": 20, "width": 3},
)
def random_site(run: Here, params: RandomSiteParams) -> Generator[Effect, Any, dict[str, Any]]:
    """Makes a name by chance: the prefix and one of ``length`` numbers from ``start`` on, as ``AP-007``.

    Each number is as likely as any other. Whether there is a location of that name is not looked at.
    """
    start = _within("start", params.start, 0, MAX_START)
    length = _within("length", params.length, 1, MAX_LENGTH)
    width = 0 if params.width is None else _within("width", params.width, 0, MAX_WIDTH)
    yield from ()
    number = start + int.from_bytes(_chance(run, "site")) % length
    return {"randomName": f"{params.prefix or ''}{number:0{width or 1}d}"}


def _within(name: str, value: int | None, least: int, most: int) -> int:
    if value is None or not least <= value <= most:
        given = "empty" if value is None else shown(value)
        raise BlockError("text.range", f"{name} is {given}; {least} to {most} is possible.", remedy="Correct it.")
    return value


def _chance(run: Here, purpose: str) -> bytes:
    """32 bytes that belong to this execution of this block alone.

    The key names record, attempt, block and round; the moment of the record's creation tells two records apart that
    were given the same id one after the other.
    """
    named = f"{purpose}\n{run.info.created_on}\n{run.key}"
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).digest()
