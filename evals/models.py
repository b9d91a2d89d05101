"""Which model answers a case."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from langchain_core.language_models import BaseChatModel

from agent.planner.model import PlannerChatModel
from agent.provider import build_provider_model
from config.settings import ModelSettings
from domain.errors import ConfigurationError
from evals.given import ModelChoice, ScriptedModel
from evals.stand_ins import StandIns


@contextlib.asynccontextmanager
async def opened_model(
    choice: ModelChoice, settings: ModelSettings, stand_ins: StandIns
) -> AsyncIterator[BaseChatModel]:
    """Open the model; raises ConfigurationError for a provider without a key."""
    if isinstance(choice, ScriptedModel):
        async with stand_ins.model(choice) as scripted, _provider(scripted) as model:
            yield model
    elif choice == "openai":
        if settings.api_key is None:
            raise ConfigurationError(
                "There is no key for a model provider.",
                hint="Set OPENAI_API_KEY (and OPENAI_BASE_URL, VAULTRA_MODEL), or use the planner.",
            )
        async with _provider(settings) as model:
            yield model
    else:
        yield PlannerChatModel()


@contextlib.asynccontextmanager
async def _provider(settings: ModelSettings) -> AsyncIterator[BaseChatModel]:
    async with contextlib.aclosing(build_provider_model(settings)) as model:
        yield model
