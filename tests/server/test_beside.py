"""What runs beside a call ends with it, and nothing begins beside one that is ending."""

import asyncio

import pytest

from dunoe.errors import Problem
from dunoe.server.beside import Beside
from dunoe.server.call import Left
from dunoe.server.curfew import Curfew

pytestmark = pytest.mark.anyio


async def leaves() -> None:
    raise Left


async def test_a_stop_reaches_every_call_though_one_of_them_is_just_leaving() -> None:
    curfew, heard = Curfew(), list[str]()
    may_go, are_in = asyncio.Event(), asyncio.Barrier(3)

    async def call(name: str, *, is_leaving: bool) -> None:
        try:
            async with Beside() as beside:
                curfew.begin(beside)
                try:
                    if is_leaving:
                        beside.start(leaves())
                    await are_in.wait()
                    await asyncio.Event().wait()
                finally:  # a call that tidies up is still at work when the stop comes
                    if is_leaving:
                        await may_go.wait()
                    curfew.end(beside)
        except* (Left, Problem) as ended:
            heard.append(f"{name}: {type(ended.exceptions[0]).__name__}")

    async with asyncio.TaskGroup() as group:
        group.create_task(call("a", is_leaving=False))
        group.create_task(call("b", is_leaving=True))
        group.create_task(call("c", is_leaving=False))
        for _ in range(5):  # until b tidies up
            await asyncio.sleep(0)
        curfew.fall()
        may_go.set()
    assert sorted(heard) == ["a: Unavailable", "b: Left", "c: Unavailable"]
