"""From AG-UI's input to a request to run; what the server does not trust stays behind."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Literal
from uuid import UUID, uuid5

import orjson
from ag_ui.core import ResumeEntry, RunAgentInput, TextPart, UserMessage
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from agent import runs
from domain.errors import InvalidInputError, NotFoundError

MAX_MESSAGE_CHARACTERS = 8_000
# A run's id is a part of addresses, so it is made of what stands for itself in them.
_RUN_ID = re.compile(r"(?!\.+$)[A-Za-z0-9_.:@=+~-]{1,128}")


class ForwardedProps(BaseModel):
    """What a front end may say beside the message."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    business_id: UUID | None = Field(None, alias="businessId")
    when_busy: Literal["enqueue", "reject", "interrupt"] = Field("enqueue", alias="whenBusy")


class ApprovalPayload(BaseModel):
    """A person's answer to an approval, as AG-UI's interrupts have it."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    approved: StrictBool
    edited_arguments: dict[str, Any] | None = Field(None, alias="editedArgs")


def is_run_id(text: str) -> bool:
    """Tell whether a client could have called a run so."""
    return _RUN_ID.fullmatch(text) is not None


def read_props(body: RunAgentInput) -> ForwardedProps:
    """Return the forwarded properties or raise InvalidInputError naming what is wrong."""
    try:
        return ForwardedProps.model_validate(body.forwarded_props or {})
    except ValidationError as error:
        names = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        raise InvalidInputError(f"forwardedProps is wrong: {names or 'not an object'}.") from None


def read_request(body: RunAgentInput, props: ForwardedProps) -> runs.RunRequest:
    """Return the request; of all that the body holds, only the user's own messages count."""
    conversation_id = _thread_id(body.thread_id)
    if not is_run_id(body.run_id):
        raise InvalidInputError("runId must be 1 to 128 letters, digits or characters of _.:@=+~-.")
    messages = tuple(
        runs.UserMessage(_message_id(conversation_id, message.id), _text_of(message))
        for message in body.messages
        if isinstance(message, UserMessage)
    )
    resume = tuple(_answer(entry) for entry in body.resume or ())
    if not messages and not resume:
        raise InvalidInputError("There is no user message in this request.")
    return runs.RunRequest(
        conversation_id=conversation_id,
        client_run_id=body.run_id,
        messages=messages,
        input_hash=_hash(body.thread_id, messages, props, resume),
        when_busy=props.when_busy,
        resume=resume,
    )


def _answer(entry: ResumeEntry) -> runs.Answer:
    """Return the answer to one interrupt; one that was dismissed is a no."""
    try:
        approval_id = UUID(entry.interrupt_id)
    except ValueError:
        raise NotFoundError("There is no such approval.") from None
    if entry.status == "cancelled":
        return runs.Answer(approval_id, approved=False)
    try:
        payload = ApprovalPayload.model_validate(entry.payload or {})
    except ValidationError:
        raise InvalidInputError(
            "resume[].payload must be {approved: true|false, editedArgs?: {…}}."
        ) from None
    return runs.Answer(
        approval_id,
        approved=payload.approved,
        edited_arguments=payload.edited_arguments if payload.approved else None,
    )


def _thread_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInputError("threadId must be a UUID; it is the conversation's id.") from None


def _message_id(conversation_id: UUID, text: str) -> UUID:
    """Keep a UUID as it is; give any other id a stable one within the conversation."""
    try:
        return UUID(text)
    except ValueError:
        return uuid5(conversation_id, _storable(text, "message id"))


def _text_of(message: UserMessage) -> str:
    if isinstance(message.content, str):
        text = message.content
    elif all(isinstance(part, TextPart) for part in message.content):
        text = "\n".join(part.text for part in message.content if isinstance(part, TextPart))
    else:
        raise InvalidInputError("Only text can be understood; leave out images and files.")
    text = _storable(text, "message")
    if not text.strip():
        raise InvalidInputError("The message is empty. Write a question.")
    if len(text) > MAX_MESSAGE_CHARACTERS:
        raise InvalidInputError(
            f"The message has {len(text)} characters; {MAX_MESSAGE_CHARACTERS} are allowed."
        )
    return text


def _storable(text: str, name: str) -> str:
    """Return the text without NULs, which PostgreSQL cannot store and no person types."""
    try:
        text.encode()
    except UnicodeEncodeError:
        # JSON can spell half of a surrogate pair, which is no character.
        raise InvalidInputError(f"The {name} has a character that is not text.") from None
    return text.replace("\x00", "")


def _hash(
    thread_id: str,
    messages: tuple[runs.UserMessage, ...],
    props: ForwardedProps,
    resume: tuple[runs.Answer, ...],
) -> str:
    last = [messages[-1].id, messages[-1].content] if messages else []
    understood = props.model_dump(mode="json")
    body = orjson.dumps([thread_id, *last, understood, *resume], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(body).hexdigest()
