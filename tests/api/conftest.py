"""The real application in a real server on a socket, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.engine import URL
from structlog.testing import capture_logs

from sandbox.model.script import Script
from tests.api.service import OpenService, Service, running
from tests.databases import cloned_database


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What the service logs; it would take seconds to draw a traceback with its variables."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def open_service(database_url: URL) -> OpenService:
    """Opens the application with a script, a pool size, or without a worker."""

    def opened(
        script: Script | None = None, **options: Any
    ) -> AbstractAsyncContextManager[Service]:
        return running(database_url, script, **options)

    return opened


@pytest.fixture
async def service(open_service: OpenService) -> AsyncIterator[Service]:
    """The application with the built-in planner, for this test alone."""
    async with open_service() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(server_url: URL, template: str) -> AsyncIterator[Service]:
    """The application with the built-in planner, for all the tests of a module."""
    async with cloned_database(server_url, template) as url, running(url) as opened:
        yield opened
