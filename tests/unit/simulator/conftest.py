"""A simulated fleet on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import pytest

from vwed.simulator.api import Api
from vwed.simulator.engine import Fleet
from vwed.simulator.model import Robot


class Bench:
    """The fleet's API without HTTP, and its clock."""

    def __init__(self) -> None:
        self.time = 0.0
        self.fleet = Fleet([Robot("AMB-01")], clock=lambda: self.time, wall=lambda: 1_000.0 + self.time)
        self.api = Api(self.fleet)

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        answer = self.api.handle("POST", path, {}, body)
        return answer.status, answer.document

    def get(self, path: str, **query: str) -> tuple[int, Any]:
        answer = self.api.handle("GET", path, query, None)
        return answer.status, answer.document

    def order(self, order_id: str) -> dict[str, Any]:
        status, document = self.get(f"/orderDetails/{order_id}")
        assert status == 200, document
        return document

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        self.fleet.advance()

    def set_order(self, order_id: str, **spec: Any) -> None:
        status, document = self.post("/setOrder", {"id": order_id, **spec})
        assert (status, document["code"]) == (200, 0), document

    def add_block(self, order_id: str, block_id: str, location: str = "LM1", **spec: Any) -> tuple[int, Any]:
        return self.post(
            "/addBlocks", {"id": order_id, "blocks": [{"blockId": block_id, "location": location}], **spec}
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()
