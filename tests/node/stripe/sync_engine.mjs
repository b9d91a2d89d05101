/**
 * A sync tool that others wrote, told what to copy: Stripe's objects into PostgreSQL.
 *
 * A line of JSON on stdin names the sandbox (`url`, `key`), a database (`database`) and steps; the
 * outcomes come as a line on stdout. The tables are those of the schema `stripe`.
 */
import { createRequire } from "node:module";

import Stripe from "stripe";

import { answer } from "./script.mjs";

// As an ES module the tool makes no tables: it asks for __dirname, and swallows the error.
const require = createRequire(import.meta.url);
const { StripeSync, runMigrations } = require("@supabase/stripe-sync-engine");

const steps = {
  /** Make the tables. */
  async migrate(_, { database }) {
    await runMigrations({ databaseUrl: database, schema: "stripe", logger: complaining });
  },

  /** Copy whole lists; return how many objects each had. */
  async backfill(sync, { objects }) {
    const copied = {};
    for (const object of objects) {
      const counts = await sync.syncBackfill({ object });
      copied[object] = Object.values(counts).find(Boolean).synced;
    }
    return copied;
  },

  /** Take in charges as a backfill does once it holds a page of them. */
  async write(sync, { charges }) {
    await sync.upsertCharges(charges);
  },

  /** Take in events in this order, as its webhook endpoint does after the signature. */
  async events(sync, { events }) {
    for (const event of events) await sync.processEvent(event);
  },
};

/** A logger that lets no failed migration pass. */
const complaining = {
  info() {},
  error(error) {
    throw error;
  },
};

await answer(async ({ url, key, database, steps: script }) => {
  const { hostname, port } = new URL(url);
  const sync = new StripeSync({
    poolConfig: { connectionString: database, max: 5 },
    stripeSecretKey: key,
    stripeWebhookSecret: "whsec_unused",
  });
  sync.stripe = new Stripe(key, { protocol: "http", host: hostname, port, telemetry: false });
  try {
    const outcomes = [];
    for (const { do: name, ...step } of script) {
      outcomes.push((await steps[name](sync, { database, ...step })) ?? null);
    }
    return outcomes;
  } finally {
    await sync.close();
  }
});
