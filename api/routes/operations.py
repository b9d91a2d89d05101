"""Whether the process lives and whether it can work."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from api.deps import State
from api.metrics import CONTENT_TYPE
from db.startup import require_migrated
from domain.errors import VaultraError

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """A process that answers; `refused_webhooks` are counts by reason."""

    status: str
    refused_webhooks: dict[str, int]


@router.get("/healthz")
async def healthz(state: State) -> Health:
    """Tell that the process answers, and which webhooks it has refused since it began."""
    return Health(status="ok", refused_webhooks=dict(state.refused_webhooks))


@router.get("/readyz", responses={503: {"description": "Something is missing."}})
async def readyz(state: State) -> Response:
    """Tell whether database, migrations and worker are there."""
    database = await _check_database(state)
    worker = "none" if state.worker is None else ("ok" if state.worker.alive else "down")
    ready = database == "ok" and worker != "down"
    checks = {"status": "ok" if ready else "unavailable", "database": database, "worker": worker}
    return JSONResponse(checks, 200 if ready else 503)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(state: State) -> Response:
    """Tell Prometheus about this process: streams, pool, event log, and how many runs there are."""
    told = await state.metrics.exposition(state.database)
    return Response(told, media_type=CONTENT_TYPE)


async def _check_database(state: State) -> str:
    try:
        await require_migrated(state.database)
    except VaultraError as error:
        return f"{error.message} {error.hint or ''}".strip()
    return "ok"
