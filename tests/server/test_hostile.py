"""Hostile requests: whatever comes, no 500, no traceback, no hang, and no slot is kept."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from dunoe.server.app import description
from tests.fake_engine import FakeEngine
from tests.hostile import storm
from tests.program import Dunoe
from tests.served import Served, served
from tests.server.dialects import fake_models

STORM = 400  # requests; `python -m tests.hostile` sends 10,000
EXAMPLES = 12  # of each operation and mode
ANSWER_S = 20
KEPT_OUT = ("/api/pull",)  # it would try the addresses that are made up


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Served]:
    async with FakeEngine("openai") as fake:
        config = fake_models(fake.url) + "[timeouts]\nbody_s = 1\n"
        async with served(tmp_path, config) as house:
            yield house


@pytest.mark.anyio
async def test_a_storm_of_bad_requests_leaves_the_house_as_it_was(house: Served) -> None:
    report = await storm(house, STORM)
    assert not report.broken, "\n".join(report.broken)
    assert report.statuses[200] and report.statuses[400]  # it was no storm of one kind


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dunoe]:
    """dunoe as a program, over a scripted engine."""
    home = tmp_path_factory.mktemp("hostile")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(FakeEngine("openai")) as fake,
        Dunoe(home, fake_models(fake.url)) as program,
    ):
        yield program


Operation = APIOperation[Any, Any, Any, Any]  # Any: schemathesis' own parameters
OPERATIONS: list[Operation] = [
    found.ok()
    for found in schemathesis.openapi.from_dict(description()).get_all_operations()
    if isinstance(found, Ok)
]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.path not in KEPT_OUT], ids=lambda one: one.label
)
def test_what_our_own_description_suggests_never_breaks_us(
    program: Dunoe, operation: Operation, mode: GenerationMode
) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case: Case[Any]) -> None:
        answer = case.call(program.url, headers=program.admin, timeout=ANSWER_S)
        assert answer.status_code < 500, (case.body, answer.content)

    logged = len(program.log)
    with suppress(Unsatisfiable):  # of some routes nothing can be wrong
        each()
    assert program.process.poll() is None
    assert not [line for line in program.log[logged:] if "Traceback" in line], program.log[logged:]
