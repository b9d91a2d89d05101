"""Whatever order syncs, webhooks, polls, deaths and trouble come in, the ledger ends up exact.

An example that fails is printed as a Story. To play it again, pass it to `replay` below, or add
the `@reproduce_failure` that is printed with it to the test.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy.engine import URL

from tests.databases import cloned_database
from tests.oracle.stage import Crew
from tests.oracle.story import Story, play, stories

# The same examples each time wherever results are compared; others on a developer's machine.
REPEATABLE = "CI" in os.environ
settings.register_profile(
    "oracle",
    deadline=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ORACLE = settings.get_profile("oracle")


@pytest.fixture(scope="module")
def crew(server_url: URL, template: str) -> Iterator[Crew]:
    """Workers on a database that all stories share, one after the other."""
    with asyncio.Runner() as runner:
        cloned = cloned_database(server_url, template)
        yield Crew(runner.run(cloned.__aenter__()))
        runner.run(cloned.__aexit__(None, None, None))


def replay(crew: Crew, story: Story) -> None:
    """Play a story in an empty database."""

    async def played() -> None:
        try:
            await crew.clear()
            await play(crew, story)
        finally:
            await crew.dismiss()

    asyncio.run(played())


@settings(ORACLE, max_examples=12, derandomize=True)
@given(story=stories)
def test_ledger_is_exact_after_any_interleaving(crew: Crew, story: Story) -> None:
    replay(crew, story)


@pytest.mark.slow
@settings(ORACLE, max_examples=100, derandomize=REPEATABLE)
@given(story=stories)
def test_ledger_is_exact_after_any_of_many_interleavings(crew: Crew, story: Story) -> None:
    replay(crew, story)
