"""The scripted model on a socket: OpenAI's chat completions and list of models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sandbox.model.answer import Answer
from sandbox.model.conversation import Conversation
from sandbox.model.plan import plan
from sandbox.model.playback import Playback
from sandbox.model.refusal import RefusedError
from sandbox.model.script import Script, ScriptError
from sandbox.model.validation import check_request
from sandbox.model.wire import Envelope, estimated_usage, model_list

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ANY_MODEL = "scripted-model"
_LARGEST_BODY = 16 * 1024 * 1024
_PLAYBACK = web.AppKey("playback", Playback)
_KEYS = web.AppKey("keys", frozenset[str])


@dataclass(frozen=True, slots=True)
class ScriptedModel:
    """A running server.

    `url` is the base URL for a client, `.../v1`. The lists hold parsed request bodies in the order
    of their arrival: `requests` every one that came with a valid key, `refused` those of them that
    were not in order, each with what was wrong, and `unanswered` those for which the script had no
    turn.
    """

    url: str
    requests: list[dict[str, Any]]
    unanswered: list[dict[str, Any]]
    refused: list[tuple[dict[str, Any], str]]
    _playback: Playback

    @property
    def answering(self) -> int:
        """How many requests are being answered; a client that has left is not among them."""
        return self._playback.answering


def create_app(script: Script, *, keys: Collection[str]) -> web.Application:
    """Return the application that plays a script to whoever brings one of the keys."""
    app = web.Application(middlewares=[_speak_openai, _require_key], client_max_size=_LARGEST_BODY)
    app[_PLAYBACK] = Playback(script)
    app[_KEYS] = frozenset(keys)
    app.router.add_get("/v1/models", _list_models)
    app.router.add_post("/v1/chat/completions", _complete)
    return app


@asynccontextmanager
async def serve(
    script: Script,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    keys: Collection[str] = ("sk-test",),
) -> AsyncIterator[ScriptedModel]:
    """Serve a script while the block runs; port 0 takes a free one."""
    app = create_app(script, keys=keys)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound_port = runner.addresses[0][1]
        playback = app[_PLAYBACK]
        url = f"http://{host}:{bound_port}/v1"
        yield ScriptedModel(url, playback.requests, playback.unanswered, playback.refused, playback)
    finally:
        await runner.cleanup()


@web.middleware
async def _speak_openai(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as refused:
        return web.json_response(refused.body(), status=refused.status)
    except ScriptError as error:
        # A retry cannot help: the openai client is told not to hide the fault behind a wait.
        headers = {"x-should-retry": "false"}
        failure = RefusedError(error.message, kind="server_error", code=error.code)
        return web.json_response(failure.body(), status=500, headers=headers)
    except web.HTTPException as error:
        unknown = error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
        message = f"Invalid URL ({request.method} {request.path})" if unknown else error.reason
        return web.json_response(RefusedError(message).body(), status=error.status)


@web.middleware
async def _require_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        message = "You didn't provide an API key. Send it as Authorization: Bearer YOUR_KEY."
        raise RefusedError(message, status=401)
    if key not in request.app[_KEYS]:
        message = "Incorrect API key provided."
        raise RefusedError(message, status=401, code="invalid_api_key")
    return await handler(request)


async def _list_models(request: web.Request) -> web.Response:
    return web.json_response(model_list(request.app[_PLAYBACK].script.models or [_ANY_MODEL]))


async def _complete(request: web.Request) -> web.StreamResponse:
    playback = request.app[_PLAYBACK]
    body = await _read_body(request)
    playback.requests.append(body)
    playback.answering += 1
    try:
        check_request(body, playback.script.models)
        return await _play(request, playback, body)
    except ScriptError:
        playback.unanswered.append(body)
        raise
    except RefusedError as refused:
        playback.refused.append((body, refused.message))
        raise
    finally:
        playback.answering -= 1


async def _read_body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError("We could not parse the JSON body of your request: expected an object.")
    return body


async def _play(
    request: web.Request, playback: Playback, body: dict[str, Any]
) -> web.StreamResponse:
    conversation = Conversation.read(body["messages"])
    turn = playback.next_turn(conversation)
    actions = plan(turn, conversation.results[-1] if conversation.results else None)
    wants_usage = (body.get("stream_options") or {}).get("include_usage") is True
    usage = turn.usage or estimated_usage(body, actions)
    answer = Answer(request, Envelope(body["model"], wants_usage), usage)
    return await (answer.stream(actions) if body.get("stream") else answer.at_once(actions))
