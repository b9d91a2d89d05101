/**
 * stripe-node, told what to ask: a line of JSON with steps on stdin, one with outcomes on stdout.
 *
 *     echo '{"url": "http://127.0.0.1:12111", "key": "rk_test_sandbox", "steps": [{"do": "list", \
 *       "path": "/v1/charges", "params": {"limit": 100}, "fields": ["id", "amount"]}]}' | node sdk.mjs
 *
 * An outcome is `{"value": …}` or `{"error": …}`; a step that fails does not end the script.
 */
import Stripe from "stripe";

import { answer, described } from "./script.mjs";

/** Read a list to its end, in one of the three ways that the SDK has. */
async function readAll(list, by) {
  const rows = [];
  if (by === "each") await list.autoPagingEach((object) => void rows.push(object));
  if (by === "array") rows.push(...(await list.autoPagingToArray({ limit: 10_000 })));
  if (by === "for") for await (const object of list) rows.push(object);
  return rows;
}

/** Return what the SDK calls the list at the path: `/v1/radar/early_fraud_warnings`, say. */
function resourceAt(stripe, path) {
  const names = path.split("/").slice(2).map(camelCase);
  return names.reduce((found, name) => found[name], stripe);
}

function camelCase(name) {
  return name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
}

function picked(object, fields) {
  return fields ? Object.fromEntries(fields.map((field) => [field, object[field]])) : object;
}

const steps = {
  async list(stripe, { path, params, fields, by = "each" }) {
    const rows = await readAll(resourceAt(stripe, path).list(params), by);
    return rows.map((object) => picked(object, fields));
  },

  /** Read the lines of an invoice, which are a list of their own. */
  async lines(stripe, { id, params, fields, by = "each" }) {
    const rows = await readAll(stripe.invoices.listLineItems(id, params), by);
    return rows.map((object) => picked(object, fields));
  },

  async retrieve(stripe, { path, id, params, fields }) {
    return picked(await resourceAt(stripe, path).retrieve(id, params), fields);
  },

  async account(stripe, { fields }) {
    return picked(await stripe.accounts.retrieveCurrent(), fields);
  },

  async create(stripe, { path, params }) {
    return resourceAt(stripe, path).create(params);
  },

  async update(stripe, { path, id, params }) {
    return resourceAt(stripe, path).update(id, params);
  },

  async remove(stripe, { path, id }) {
    return resourceAt(stripe, path).del(id);
  },

  /** Check a webhook's signature and read its body. */
  async event(stripe, { body, signature, secret }) {
    return stripe.webhooks.constructEvent(body, signature, secret);
  },

  /** Check a thin webhook's signature, and fetch the object that it is about. */
  async notification(stripe, { body, signature, secret }) {
    const told = stripe.parseEventNotification(body, signature, secret);
    return { id: told.id, type: told.type, related: await told.fetchRelatedObject() };
  },

  /** Exchange what the owner's approval gave for a token. */
  async token(stripe, { code }) {
    return stripe.oauth.token({ grant_type: "authorization_code", code });
  },

  async deauthorize(stripe, { application, account }) {
    return stripe.oauth.deauthorize({ client_id: application, stripe_user_id: account });
  },
};

await answer(async ({ url, key, account, retries = 0, steps: script }) => {
  const { hostname, port } = new URL(url);
  const stripe = new Stripe(key, {
    protocol: "http",
    host: hostname,
    port,
    maxNetworkRetries: retries,
    stripeAccount: account,
    telemetry: false,
  });
  const outcomes = [];
  for (const { do: name, ...step } of script) {
    try {
      outcomes.push({ value: await steps[name](stripe, step) });
    } catch (error) {
      outcomes.push({ error: described(error) });
    }
  }
  return outcomes;
});
