"""A model's answer is read at ticks, of which the reader notices nothing but fewer pieces."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from langchain_core.messages import HumanMessage
from pydantic import SecretStr

from agent.answer import Answer
from agent.parts import Part, TextPart
from agent.provider import ProviderChatModel, build_provider_model
from agent.telling import Telling
from config.settings import ModelSettings
from db import tick as ticks
from db.tick import Tick
from domain.errors import ModelError
from sandbox.model import ScriptedModel, serve
from sandbox.model.script import Disconnect, Gate, Script, Text, Turn

WORDS = "one two three four five six seven eight nine ten"


@contextlib.asynccontextmanager
async def _model(*steps: object) -> AsyncIterator[tuple[ProviderChatModel, ScriptedModel]]:
    async with serve(Script([Turn([*steps])])) as scripted:
        settings = ModelSettings(
            api_key=SecretStr("sk-test"), base_url=scripted.url, name="scripted"
        )
        async with contextlib.aclosing(build_provider_model(settings, max_retries=0)) as model:
            yield model, scripted


async def _texts(model: ProviderChatModel, tick: Tick | None) -> list[str]:
    """Read an answer to its end."""
    texts: list[str] = []
    await _read(model, tick, texts)
    return texts


async def _read(model: ProviderChatModel, tick: Tick | None, texts: list[str]) -> None:
    """Read an answer into `texts`, which then has what came before an error, too."""
    async for part in model.parts([HumanMessage("Hello")], (), Answer(), tick):
        if isinstance(part, TextPart):
            texts.append(part.text)  # noqa: PERF401 - an error must not take them


async def test_what_comes_between_two_ticks_is_read_at_once() -> None:
    async with _model(Text(WORDS, chunk=2, delay=0.005)) as (model, _):
        async with asyncio.timeout(60):
            texts = await _texts(model, Tick())
    assert "".join(texts) == WORDS
    assert len(texts) < len(WORDS) / 4


async def test_without_ticks_each_piece_is_read_as_it_comes() -> None:
    async with _model(Text(WORDS, chunk=2, delay=0.005)) as (model, _):
        texts = await _texts(model, None)
    assert "".join(texts) == WORDS
    assert len(texts) > len(WORDS) / 4


async def test_end_of_an_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "MERGE_SECONDS", 3600)
    gate = Gate()
    async with _model(Text("Hello "), gate, Text("there.")) as (model, _):
        async with asyncio.timeout(60):
            reading = asyncio.create_task(_texts(model, Tick()))
            await gate.reached.wait()
            gate.open()
            assert "".join(await reading) == "Hello there."


async def test_answer_that_breaks_off_between_two_ticks_is_an_error_behind_what_has_come() -> None:
    told: list[str] = []
    async with _model(Text(WORDS, chunk=2, delay=0.001), Disconnect()) as (model, _):
        async with asyncio.timeout(60):
            with pytest.raises(ModelError):
                await _read(model, Tick(), told)
    assert "".join(told) == WORDS


async def test_reader_that_leaves_between_two_ticks_leaves_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ticks, "MERGE_SECONDS", 3600)
    gate = Gate()
    async with _model(Text("Hello "), gate) as (model, _):
        reading = asyncio.create_task(_texts(model, Tick()))
        async with asyncio.timeout(60):
            await gate.reached.wait()
            reading.cancel()
            await gate.abandoned.wait()


async def test_part_is_dealt_with_at_once_only_if_none_is_before_it() -> None:
    at_once: list[Part] = []

    def take(part: Part) -> bool:
        at_once.append(part)
        return True

    first, second, third = TextPart("a"), TextPart("b"), TextPart("c")
    told: list[Part] = []
    telling = Telling(lambda part: bool(told) and take(part))

    async def graph() -> None:
        telling.tell(first)
        telling.tell(second)
        await telling.settled()
        telling.tell(third)

    async with contextlib.aclosing(telling.during(graph())) as batches:
        async for batch in batches:
            told += batch
    assert told == [first, second]
    assert at_once == [third]
