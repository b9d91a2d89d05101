"""The commonest way to ask for a run: a question in a conversation that is idle, in one trip."""

from __future__ import annotations

from uuid import UUID

from agent.event_log import Opening, topic_of
from agent.runs import RunRequest, opening_of, title_of
from agent.runtime import AgentRuntime
from config.logs import redact
from db.repositories import runs
from db.repositories.asking import NewRun, ask_for_run


async def open_at_once(
    runtime: AgentRuntime, user_id: UUID, business_id: UUID | None, request: RunRequest
) -> Opening | None:
    """Open a run where nothing speaks against it; None leaves everything to `runs.open_run`.

    That one says what is wrong, attaches to a run of the same id, or waits for its turn.
    """
    contents = [message.content for message in request.messages]
    if request.resume or any(redact(content) != content for content in contents):
        return None
    run_id = runs.new_run_id()
    topic = topic_of(run_id)
    # Before the commit, for a worker may begin right after it.
    news = runtime.notifications.news_of(topic)
    event = opening_of(request)
    new = NewRun(
        run_id=run_id,
        conversation_id=request.conversation_id,
        client_run_id=request.client_run_id,
        input_hash=request.input_hash,
        title=title_of(request),
        messages=[(message.id, message.content) for message in request.messages],
        opening=event,
    )
    done = False
    try:
        done = await ask_for_run(
            runtime.database, user_id, business_id, new, runtime.run_limits, runtime.clock()
        )
    finally:
        if not done:
            runtime.notifications.dismiss(topic, news)
    return Opening(run_id, event, news) if done else None
