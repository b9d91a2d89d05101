"""The application: what it holds, and its routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from agent.model import close_model
from api import errors
from api.metrics import ServiceMetrics
from api.middleware import BodyLimitMiddleware, BugMiddleware, RequestIdMiddleware
from api.routes import (
    agent,
    approvals,
    businesses,
    changes,
    conversations,
    insight,
    oauth,
    operations,
    page,
    runs,
    stripe,
    usage,
    webhooks,
)
from api.state import AppState
from config.settings import Settings
from db.notifications import Notifications
from db.session import Database
from worker.app import Worker
from worker.wiring import wire

ROUTES = (
    operations,
    page,
    agent,
    businesses,
    stripe,
    oauth,
    webhooks,
    insight,
    changes,
    conversations,
    approvals,
    runs,
    usage,
)


def create_app(settings: Settings, database_url: str, *, with_worker: bool = True) -> FastAPI:
    """Return the application on a database that is reachable and migrated.

    With a worker, this process is a whole system; without, workers run elsewhere. Its metrics
    are in `app.state.metrics`, for the server that it runs in.
    """
    metrics = ServiceMetrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.vaultra = await _open(stack, settings, database_url, with_worker, metrics)
            yield

    app = FastAPI(
        title="Vaultra",
        version=version("vaultra"),
        lifespan=lifespan,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.metrics = metrics
    # The last one added is the first to see a request.
    app.add_middleware(BodyLimitMiddleware, but_for={webhooks.PATH})
    app.add_middleware(BugMiddleware)
    app.add_middleware(RequestIdMiddleware)
    errors.install(app)
    for module in ROUTES:
        app.include_router(module.router)
    return app


async def _open(
    stack: AsyncExitStack,
    settings: Settings,
    database_url: str,
    with_worker: bool,
    metrics: ServiceMetrics,
) -> AppState:
    database = Database(database_url, pool_size=settings.database.pool_size)
    stack.push_async_callback(database.dispose)
    notifications = await stack.enter_async_context(Notifications(database).listening())
    metrics.watch(database, notifications)
    wiring = wire(settings, database, notifications)
    stack.push_async_callback(close_model, wiring.agent.model)
    worker = Worker(database, wiring) if with_worker else None
    if worker is not None:
        await stack.enter_async_context(worker.running())
    return AppState(settings, database, wiring, worker, metrics)
