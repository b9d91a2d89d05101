"""Two hosts behind a real proxy: silence, and the loss of a host, break no run.

Each host is a network namespace with `vaultra serve --no-worker` and `vaultra worker`; a third one
has PostgreSQL, a fourth nginx. The scripted model and the clients are on the switch between them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from ag_ui_validate.pytest_plugin import assert_valid_agui

from agent.taking_over import BROKEN_OFF
from db.session import Database
from sandbox.model.script import Gate, Script, Text, ToolCalls, Turn
from sandbox.model.server import ScriptedModel, serve
from tests.api.service import run_body
from tests.factories import Shop, make_shop
from tests.slow.deployment import IDLE_SECONDS, MODEL, NETWORK, Deployment, deployed
from tests.slow.reattaching import TIMEOUT, Reader

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts([f"{NETWORK}.0/24", "127.0.0.1"])]
SILENT_SECONDS = 2 * IDLE_SECONDS
NOTE = {
    "title": "Reduce refunds",
    "description": "They eat the margin.",
    "category": "risk",
}


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """Set up once; the tests start and kill what runs on the two hosts."""
    with deployed() as made:
        yield made


@dataclass
class Office:
    """One test's business, its clients, and a way past everything into the database."""

    deployment: Deployment
    shop: Shop
    sql: asyncpg.Connection
    model: ScriptedModel
    client: httpx.AsyncClient
    readers: list[asyncio.Task[None]] = field(default_factory=list)

    def ask(self, question: str, thread_id: str | None = None) -> Reader:
        """Ask in a conversation, and read in the background."""
        body = run_body(question, threadId=thread_id or str(uuid4()))
        reader = Reader(self.client, body)
        self.readers.append(asyncio.create_task(reader.read()))
        return reader

    async def until_all_is_read(self, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*self.readers)

    async def let_the_agent_write(self) -> None:
        """Let the tools that write do so without asking a person."""
        path = f"/v1/businesses/{self.shop.business_id}/agent-settings"
        wanted = {"without_approval": ["create_recommendation", "update_recommendation"]}
        answer = await self.client.put(path, json=wanted)
        assert answer.status_code == 200, answer.text

    async def note(self, title: str) -> UUID:
        """Store a recommendation."""
        path = f"/v1/businesses/{self.shop.business_id}/recommendations"
        answer = await self.client.post(path, json={**NOTE, "title": title})
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    async def calls(self, reader: Reader, status: str = "succeeded") -> int:
        """Return how many tool calls of the run have that status."""
        return int(
            await self.sql.fetchval(
                "SELECT count(*) FROM agent_tool_calls JOIN agent_runs AS r ON r.id = run_id"
                " WHERE r.client_run_id = $1 AND status = $2",
                reader.run_id,
                status,
            )
        )

    async def changes(self, recommendation_id: UUID) -> int:
        """Return how often the assistant has changed the recommendation."""
        return int(
            await self.sql.fetchval(
                "SELECT count(*) FROM recommendation_changes"
                " WHERE recommendation_id = $1 AND actor = 'agent'",
                recommendation_id,
            )
        )

    @contextlib.asynccontextmanager
    async def holding(self, recommendation_id: UUID) -> AsyncIterator[asyncpg.Connection]:
        """Make whoever would change the recommendation wait for the length of the block."""
        holder = await asyncpg.connect(self.deployment.database_url)
        try:
            await holder.execute("BEGIN")
            lock = "SELECT 1 FROM recommendations WHERE id = $1 FOR UPDATE"
            await holder.execute(lock, recommendation_id)
            yield holder
        finally:
            await holder.close()

    async def until_somebody_waits(self) -> None:
        """Wait until a statement waits for a row that is locked."""
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        async with asyncio.timeout(60):
            while not await self.sql.fetchval(waiting):  # noqa: ASYNC110 - in PostgreSQL
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def office(deployment: Deployment, script: Script) -> AsyncIterator[Office]:
    """Serve on both hosts and open an office, for the length of the block."""
    database = Database(deployment.database_url)
    shop = await make_shop(database)
    await database.dispose()
    async with (
        serve(script, host=MODEL) as model,
        httpx.AsyncClient(
            base_url=deployment.url,
            headers=deployment.headers(shop.access.user_id),
            timeout=TIMEOUT,
            trust_env=False,
        ) as client,
    ):
        sql = await asyncpg.connect(deployment.database_url)
        opened = Office(deployment, shop, sql, model, client)
        try:
            await asyncio.gather(
                *(
                    asyncio.to_thread(deployment.start_serving, host, model.url)
                    for host in (deployment.one, deployment.two)
                )
            )
            await opened.let_the_agent_write()
            yield opened
            assert model.refused == []
        finally:
            for reader in opened.readers:
                reader.cancel()
            await asyncio.gather(*opened.readers, return_exceptions=True)
            await sql.close()
            for host in (deployment.one, deployment.two):
                deployment.net.connect_again(host)
                host.kill_everything()


async def test_tool_that_is_silent_for_twice_the_proxys_patience_is_waited_for(
    deployment: Deployment,
) -> None:
    script = Script([])
    async with office(deployment, script) as desk:
        recommendation_id = await desk.note("Reduce refunds")
        script.turns.extend(
            [
                Turn([Text("Let me do that. "), accept(recommendation_id)]),
                Turn([Text("It is accepted.")], after_tool="update_recommendation"),
            ]
        )
        deployment.start_worker(deployment.two, desk.model.url)
        async with desk.holding(recommendation_id):
            reader = desk.ask("Accept it")
            await reader.until("TOOL_CALL_END")
            await desk.until_somebody_waits()
            seen = len(reader.frames)
            await asyncio.sleep(SILENT_SECONDS)
            assert len(reader.frames) == seen
            assert reader.comments > 0
        await desk.until_all_is_read(60)
        assert reader.breaks == 0
        reader.check_whole()
        assert_valid_agui(reader.events)
        check_texts({reader: ["Let me do that. ", "It is accepted."]})
        assert await desk.changes(recommendation_id) == 1


def accept(recommendation_id: UUID) -> ToolCalls:
    arguments = {"recommendation_id": str(recommendation_id), "status": "accepted"}
    return ToolCalls([("update_recommendation", arguments)])


@dataclass
class Stage:
    """Runs that host one is executing, each at another place, and what each has to come to."""

    half_said: Reader
    unsaid: Reader
    between: Reader
    waiting: Reader
    noted: UUID
    gates: tuple[Gate, ...]

    @property
    def readers(self) -> tuple[Reader, ...]:
        return (self.half_said, self.unsaid, self.between, self.waiting)


def lines(noted: UUID, gates: tuple[Gate, ...]) -> list[Turn]:
    """What the model says, also to an attempt that asks it again."""
    said = [
        Turn([Text("The first half, "), gates[0], Text("the second half.")], user="In halves"),
        Turn([gates[1], Text("Late, but whole.")], user="Nothing yet"),
        Turn([ToolCalls([("create_recommendation", NOTE)])], user="Note and tell"),
        Turn(
            [Text("It is noted, "), gates[2], Text("and told.")],
            user="Note and tell",
            after_tool="create_recommendation",
        ),
        Turn([Text("One moment. "), accept(noted)], user="Accept it"),
        Turn([Text("Accepted.")], user="Accept it", after_tool="update_recommendation"),
        Turn([Text("Slowly, word by word.", chunk=3, delay=1.0)], user="Slowly"),
        Turn([Text("I am here.")], user="And now?"),
    ]
    return [replace(turn, repeat=True) for turn in said]


async def on_host_one(desk: Office, script: Script) -> Stage:
    """Let host one's worker, the only one there is so far, come to a different place in each."""
    gates = (Gate(), Gate(), Gate())
    noted = await desk.note("Answer disputes in time")
    script.turns.extend(lines(noted, gates))
    desk.deployment.start_worker(desk.deployment.one, desk.model.url)
    half_said, unsaid = desk.ask("In halves"), desk.ask("Nothing yet")
    between = desk.ask("Note and tell")
    async with asyncio.timeout(60):
        await asyncio.gather(*(gate.reached.wait() for gate in gates))
    await between.until("TEXT_MESSAGE_CONTENT")
    await half_said.until("TEXT_MESSAGE_CONTENT")
    return Stage(half_said, unsaid, between, desk.ask("Accept it"), noted, gates)


async def kill(deployment: Deployment) -> None:
    deployment.one.kill_everything()


async def cut_off(deployment: Deployment) -> None:
    deployment.net.cut_off(deployment.one)


@pytest.mark.parametrize("lose", [kill, cut_off])
async def test_loss_of_a_host_ends_each_run_once_and_doubles_nothing(
    deployment: Deployment, lose: Callable[[Deployment], Awaitable[None]]
) -> None:
    script = Script([])
    async with office(deployment, script) as desk:
        prepared = await on_host_one(desk, script)
        async with desk.holding(prepared.noted) as holder:
            await prepared.waiting.until("TOOL_CALL_END")
            await desk.until_somebody_waits()
            deployment.start_worker(deployment.two, desk.model.url)
            others = [desk.ask("Slowly"), desk.ask("Slowly")]
            await asyncio.gather(*(other.until("TEXT_MESSAGE_CONTENT") for other in others))
            await lose(deployment)
            # The row is free, and with it the next lock goes to a transaction of the lost host.
            await holder.execute("COMMIT")
        for gate in prepared.gates:
            gate.open()
        # Waits for the locks that the lost host's transactions hold.
        another = desk.ask("Note and tell")
        await desk.until_all_is_read(120)
        readers = [*prepared.readers, *others, another]
        for reader in readers:
            reader.check_whole()
            assert_valid_agui(reader.events)
        check_texts(
            {
                prepared.half_said: ["The first half, the second half."],
                prepared.unsaid: ["Late, but whole."],
                prepared.between: ["It is noted, and told."],
                prepared.waiting: ["One moment. ", "Accepted."],
                **{other: ["Slowly, word by word."] for other in others},
                another: ["It is noted, and told."],
            }
        )
        await check_effects(desk, prepared)
        deployment.net.connect_again(deployment.one)
        await check_nothing_more_happens(desk, readers)
        await check_effects(desk, prepared)


async def check_effects(desk: Office, prepared: Stage) -> None:
    """Each writing tool has worked once."""
    assert await desk.calls(prepared.between) == 1
    titles = "SELECT count(*) FROM recommendations WHERE business_id = $1 AND title = $2"
    assert await desk.sql.fetchval(titles, desk.shop.business_id, NOTE["title"]) == 1
    assert await desk.calls(prepared.waiting) == 1
    assert await desk.changes(prepared.noted) == 1


def check_texts(texts: dict[Reader, list[str]]) -> None:
    """Every answer is whole, and nothing is said twice but what was broken off for all to see."""
    for reader, whole in texts.items():
        assert reader.went_well, reader.last
        broken = [said for said in reader.texts if said.endswith(BROKEN_OFF)]
        assert [said for said in reader.texts if said not in broken] == whole
        assert len(broken) <= 1
        for said in broken:
            assert any(text.startswith(said.removesuffix(BROKEN_OFF)) for text in whole)


async def check_nothing_more_happens(desk: Office, readers: list[Reader]) -> None:
    """The conversations go on, and a host that comes back changes nothing of what was told."""
    # What the lost host has asked the model comes to an end: where it was cut off, it may even
    # hear the rest now.
    async with asyncio.timeout(90):
        while desk.model.answering:  # noqa: ASYNC110 - of the model
            await asyncio.sleep(0.1)
    following = [desk.ask("And now?", str(reader.body["threadId"])) for reader in readers]
    await desk.until_all_is_read(120)
    for reader in following:
        reader.check_whole()
        check_texts({reader: ["I am here."]})
    for reader in readers:
        again = Reader(desk.client, reader.body)
        await again.read()
        assert again.events == reader.events
