/** How these programs are told what to do: a line of JSON for each request, one for its answer. */
import { createInterface } from "node:readline";

/** Answer each request with what the handler returns for it, one after the other. */
export async function answer(handler) {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await handler(JSON.parse(line)))}\n`);
  }
  // The SDK leaves the answers that it retried unread, and their sockets open for 80 seconds.
  process.exit();
}

/** Return what a caller can tell about an error of the SDK. */
export function described(error) {
  const { type, code, param, statusCode, message, headers, requestId } = error;
  return { class: error.constructor.name, type, code, param, statusCode, message, headers, requestId };
}
