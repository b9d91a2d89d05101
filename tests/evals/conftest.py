"""A bench on the tests' own server; databases of the evals live and die with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy.engine import URL

from cli.fixtures import SandboxStandIns
from db.scratch import ScratchServer
from evals.replay import Bench


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(server_url: URL, template: str) -> AsyncIterator[Bench]:
    """A bench whose businesses are synced once for all tests of a module.

    `template` is asked for because making it tells the server to be quick.
    """
    url = server_url.render_as_string(hide_password=False)
    async with ScratchServer.opened(url) as server:
        yield Bench(server, SandboxStandIns())
