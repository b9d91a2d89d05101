/**
 * A conversation with a running server, held by AG-UI's reference client.
 *
 *     npm ci
 *     VAULTRA_URL=http://127.0.0.1:8000 VAULTRA_TOKEN=... node --test
 *
 * The token may be an access token or an API key; its user needs exactly one business, with data.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, describe, mock, test } from "node:test";

import { EventType, HttpAgent, buildResumeArray } from "@ag-ui/client";

const QUESTIONS = ["What was our revenue last month?", "And what is our readiness score?"];
const WISH = "Create a recommendation to follow up on refunds";
const PATIENCE = { timeout: 120_000 };

const base = setting("VAULTRA_URL").replace(/\/+$/, "");
// What the client strips or translates, it tells.
const warnings = mock.method(console, "warn", () => {});
const headers = { Authorization: `Bearer ${setting("VAULTRA_TOKEN")}` };

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`Set ${name} to reach the server under test.`);
  return value;
}

/** Run the agent; return every event that the client let through, in order. */
async function run(agent, parameters = {}) {
  const events = [];
  await agent.runAgent(
    { runId: randomUUID(), ...parameters },
    { onEvent: ({ event }) => void events.push(event) },
  );
  return events;
}

/** Ask one question; return its events. */
function ask(agent, question) {
  agent.addMessage({ id: randomUUID(), role: "user", content: question });
  return run(agent);
}

/** Give the same answer to all that the last run has asked; return the events of what follows. */
function answer(agent, approved) {
  const answers = agent.pendingInterrupts.map(({ id }) => [
    id,
    { status: "resolved", payload: { approved } },
  ]);
  return run(agent, {
    resume: buildResumeArray(agent.pendingInterrupts, Object.fromEntries(answers)),
  });
}

/** Fetch the stored messages of a conversation, page by page. */
async function storedMessages(threadId) {
  const items = [];
  let after = null;
  do {
    const query = after ? `?after=${encodeURIComponent(after)}` : "";
    const url = `${base}/v1/conversations/${threadId}/messages${query}`;
    const response = await fetch(url, { headers });
    assert.equal(response.status, 200, `GET ${url}`);
    const page = await response.json();
    items.push(...page.items);
    after = page.next;
  } while (after);
  return items;
}

function ofType(events, type) {
  return events.filter((event) => event.type === type);
}

/** Put the pieces of each streamed text together, by message id. */
function streamedTexts(events) {
  const texts = new Map();
  for (const { messageId } of ofType(events, EventType.TEXT_MESSAGE_START)) texts.set(messageId, "");
  for (const { messageId, delta } of ofType(events, EventType.TEXT_MESSAGE_CONTENT)) {
    texts.set(messageId, texts.get(messageId) + delta);
  }
  return texts;
}

/** Return a client that begins a conversation. */
function newAgent() {
  return new HttpAgent({ url: `${base}/v1/runs`, headers, threadId: randomUUID() });
}

function assertNoWarnings() {
  assert.deepEqual(
    warnings.mock.calls.map((call) => call.arguments.join(" ")),
    [],
  );
}

describe("a conversation of two questions", () => {
  const agent = newAgent();
  const runs = [];

  before(async () => {
    for (const question of QUESTIONS) runs.push(await ask(agent, question));
  }, PATIENCE);

  for (const [index, question] of QUESTIONS.entries()) {
    describe(question, () => {
      test("starts with RUN_STARTED in the conversation's thread", () => {
        const [first] = runs[index];
        assert.equal(first.type, EventType.RUN_STARTED);
        assert.equal(first.threadId, agent.threadId);
      });

      test("ends with the only RUN_FINISHED and no error", () => {
        const [error] = ofType(runs[index], EventType.RUN_ERROR);
        assert.equal(error, undefined, `RUN_ERROR: ${error?.code} ${error?.message}`);
        assert.equal(ofType(runs[index], EventType.RUN_FINISHED).length, 1);
        assert.equal(runs[index].at(-1).type, EventType.RUN_FINISHED);
      });

      test("leaves the answer in the client's messages", () => {
        const texts = [...streamedTexts(runs[index])].filter(([, text]) => text.trim() !== "");
        assert.notEqual(texts.length, 0, "no assistant message with text was streamed");
        for (const [id, text] of texts) {
          const message = agent.messages.find((candidate) => candidate.id === id);
          assert.equal(message?.role, "assistant");
          assert.equal(message.content, text);
        }
      });

      test("gives every tool call its result", () => {
        const started = ofType(runs[index], EventType.TOOL_CALL_START);
        const results = ofType(runs[index], EventType.TOOL_CALL_RESULT);
        assert.deepEqual(
          results.map((event) => event.toolCallId).sort(),
          started.map((event) => event.toolCallId).sort(),
        );
      });
    });
  }

  test("looks at the business's data with at least one tool", () => {
    const results = ofType(runs.flat(), EventType.TOOL_CALL_RESULT);
    assert.notEqual(results.length, 0);
    for (const { content } of results) assert.notEqual(content, "");
  });

  test("gives the client nothing to strip or to translate", assertNoWarnings);

  test("is stored as it was streamed", PATIENCE, async () => {
    const stored = new Map((await storedMessages(agent.threadId)).map((item) => [item.id, item]));
    const streamed = streamedTexts(runs.flat());
    assert.notEqual(streamed.size, 0);
    for (const [id, text] of streamed) {
      assert.equal(stored.get(id)?.role, "assistant", `message ${id} is not stored`);
      assert.equal(stored.get(id).content, text);
    }
  });
});

for (const approved of [true, false]) {
  describe(`a wish that is ${approved ? "approved" : "denied"}`, () => {
    const agent = newAgent();
    let asked, interrupts, rest;

    before(async () => {
      asked = await ask(agent, WISH);
      interrupts = [...agent.pendingInterrupts];
      rest = await answer(agent, approved);
    }, PATIENCE);

    test("stops with an interrupt for its tool call, which has no result yet", () => {
      const [{ toolCallId, toolCallName }] = ofType(asked, EventType.TOOL_CALL_START);
      assert.equal(toolCallName, "create_recommendation");
      assert.deepEqual(interrupts.map((one) => one.toolCallId), [toolCallId]);
      assert.deepEqual(ofType(asked, EventType.TOOL_CALL_RESULT), []);
      assert.deepEqual(asked.at(-1).outcome, { type: "interrupt", interrupts });
    });

    test("goes on with the result of the earlier run's call, and ends", () => {
      const [result, ...more] = ofType(rest, EventType.TOOL_CALL_RESULT);
      assert.deepEqual(more, []);
      assert.equal(result.toolCallId, interrupts[0].toolCallId);
      assert.equal(result.content.startsWith("Error:"), !approved);
      assert.deepEqual(ofType(rest, EventType.TOOL_CALL_START), []);
      assert.equal(rest.at(-1).outcome.type, "success");
      assert.deepEqual(agent.pendingInterrupts, []);
    });

    test("leaves call, result and answer in the client's messages, in this order", () => {
      const [question, call, result, ...said] = agent.messages;
      assert.equal(question.content, WISH);
      assert.deepEqual(call.toolCalls.map(({ id }) => id), [interrupts[0].toolCallId]);
      assert.equal(result.role, "tool");
      assert.equal(result.toolCallId, interrupts[0].toolCallId);
      assert.notEqual(said.length, 0);
      for (const { role } of said) assert.equal(role, "assistant");
    });

    test("can be followed by another question", PATIENCE, async () => {
      const events = await ask(agent, "What should we do first?");
      assert.equal(events.at(-1).outcome.type, "success");
    });

    test("gives the client nothing to strip or to translate", assertNoWarnings);
  });
}
