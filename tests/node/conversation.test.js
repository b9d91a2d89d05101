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

import { EventType, HttpAgent } from "@ag-ui/client";

const QUESTIONS = ["What was our revenue last month?", "And what is our readiness score?"];
const PATIENCE = { timeout: 120_000 };

const base = setting("VAULTRA_URL").replace(/\/+$/, "");
const headers = { Authorization: `Bearer ${setting("VAULTRA_TOKEN")}` };

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`Set ${name} to reach the server under test.`);
  return value;
}

/** Ask one question; return every event that the client let through, in order. */
async function ask(agent, question) {
  const events = [];
  agent.addMessage({ id: randomUUID(), role: "user", content: question });
  await agent.runAgent(
    { runId: randomUUID() },
    { onEvent: ({ event }) => void events.push(event) },
  );
  return events;
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

describe("a conversation of two questions", () => {
  const agent = new HttpAgent({ url: `${base}/v1/runs`, headers, threadId: randomUUID() });
  const warnings = mock.method(console, "warn", () => {});
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

  test("gives the client nothing to strip or to translate", () => {
    assert.deepEqual(
      warnings.mock.calls.map((call) => call.arguments.join(" ")),
      [],
    );
  });

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
