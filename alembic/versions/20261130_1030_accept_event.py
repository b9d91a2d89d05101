"""An event of Stripe's is matched, stored and queued by one call; a queued job is looked up first.

Revision: 20261130_1030
Revises: 20261130_1020
"""

from __future__ import annotations

from alembic import op

revision = "20261130_1030"
down_revision = "20261130_1020"
branch_labels = None
depends_on = None

# db/repositories/webhooks.py says what it does. The failures of an event can only be there if the
# event was: a row that was inserted has no xmax.
_ACCEPT = """
CREATE FUNCTION accept_stripe_event(
    event_account text, event_livemode boolean, deauthorizes boolean,
    event_id text, event_type text, event_payload text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    owners uuid[];
    auth text;
    stored uuid;
    fresh boolean;
BEGIN
    IF event_account IS NULL THEN
        SELECT array_agg(id), min(by) INTO owners, auth FROM (
            SELECT id, 'restricted_key' AS by FROM integration_accounts
            WHERE provider = 'stripe' AND coalesce(metadata->>'auth', 'restricted_key')
                    = 'restricted_key'
                AND CAST(metadata->>'livemode' AS boolean) = event_livemode
                AND status IS DISTINCT FROM 'revoked'
            LIMIT 2
        ) AS active;
    ELSE
        SELECT array_agg(id), min(by) INTO owners, auth FROM (
            SELECT id, coalesce(metadata->>'auth', 'restricted_key') AS by
            FROM integration_accounts
            WHERE provider = 'stripe' AND external_id = event_account
                AND CAST(metadata->>'livemode' AS boolean) = event_livemode
                AND status IS DISTINCT FROM 'revoked'
            LIMIT 2
        ) AS active;
    END IF;
    IF cardinality(owners) IS DISTINCT FROM 1 OR deauthorizes AND auth = 'oauth' THEN
        RETURN false;
    END IF;
    INSERT INTO stripe_events AS known (integration_id, stripe_event_id, event_type, payload)
    VALUES (
        owners[1], event_id, event_type,
        CAST(event_payload AS jsonb) || jsonb_build_object('version', nextval('ledger_versions'))
    )
    ON CONFLICT (stripe_event_id) DO UPDATE
    SET integration_id = excluded.integration_id, payload = excluded.payload, processed_at = NULL
    WHERE known.integration_id IS DISTINCT FROM excluded.integration_id
    RETURNING known.id, known.xmax = 0 INTO stored, fresh;
    IF stored IS NULL THEN
        RETURN false;
    END IF;
    IF NOT fresh THEN
        DELETE FROM stripe_event_failures AS failure WHERE failure.event_id = stored;
    END IF;
    PERFORM queue_job(
        'stripe_events',
        convert_to(CAST(json_build_object('integration_id', owners[1]) AS text), 'UTF8'),
        INTERVAL '0', 'stripe_events:' || owners[1]
    );
    RETURN true;
END $$
"""


# As before, but what is queued already is looked up first: an insert that does nothing costs three
# times as much. The lock is held by then, so a job that is seen has not let go of its key yet.
_QUEUE_JOB = """
CREATE OR REPLACE FUNCTION queue_job(
    job_entrypoint text, job_payload bytea, job_wait interval, job_key text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    job_id bigint;
BEGIN
    IF job_key IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock_shared(hashtextextended(job_key, 0));
        PERFORM FROM pgqueuer
        WHERE dedupe_key = job_key
            AND status = ANY (ARRAY['queued'::pgqueuer_status, 'picked'::pgqueuer_status]);
        IF FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    {insert}
END $$
"""
_INSERT = """
    INSERT INTO pgqueuer
        (priority, entrypoint, payload, execute_after, dedupe_key, headers, status)
    VALUES (0, job_entrypoint, job_payload, now() + job_wait, job_key, 'null', 'queued')
    ON CONFLICT (dedupe_key)
        WHERE status = ANY (ARRAY['queued'::pgqueuer_status, 'picked'::pgqueuer_status])
            AND dedupe_key IS NOT NULL
        DO NOTHING
    RETURNING id INTO job_id;
    IF job_id IS NOT NULL THEN
        INSERT INTO pgqueuer_log (job_id, status, entrypoint, priority)
        VALUES (job_id, 'queued', job_entrypoint, 0);
    END IF;
    RETURN job_id;
"""
_QUEUE_JOB_BEFORE = """
CREATE OR REPLACE FUNCTION queue_job(
    job_entrypoint text, job_payload bytea, job_wait interval, job_key text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    job_id bigint;
BEGIN
    IF job_key IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock_shared(hashtextextended(job_key, 0));
    END IF;
    {insert}
END $$
"""


def upgrade() -> None:
    op.execute(_QUEUE_JOB.format(insert=_INSERT.strip()))
    op.execute(_ACCEPT)


def downgrade() -> None:
    op.execute(_QUEUE_JOB_BEFORE.format(insert=_INSERT.strip()))
    op.execute("DROP FUNCTION accept_stripe_event(text, boolean, boolean, text, text, text)")
