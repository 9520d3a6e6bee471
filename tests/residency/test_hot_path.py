"""The way of nearly every request: the model is ready and a slot is free."""

import pytest

from dunoe.residency.runner import Runner
from dunoe.settings import QueueSettings
from tests.residency.cast import BUDGETS, MODELS, Scripted


def test_with_a_slot_free_no_task_and_no_future_is_made() -> None:
    """It runs without an event loop, which either of them would need, and yields to nobody."""
    runner = Runner({"box": Scripted()}, BUDGETS, QueueSettings())
    lease = runner.lease(MODELS["remote"])
    for step, in_flight in ((lease.__aenter__(), 1), (lease.__aexit__(None, None, None), 0)):
        with pytest.raises(StopIteration):
            step.send(None)
        assert [one.in_flight for one in runner.view()] == [in_flight]
