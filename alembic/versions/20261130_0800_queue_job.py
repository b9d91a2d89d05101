"""A job is queued by one call, also from within a statement that writes what it works on.

Revision: 20261130_0800
Revises: 20261122_2231
"""

from __future__ import annotations

from alembic import op

revision = "20261130_0800"
down_revision = "20261122_2231"
branch_labels = None
depends_on = None

# What the engine's own enqueue writes (tests/db/test_jobs.py compares them), behind the lock that
# whoever runs a job with the same key waits for before it lets go of it. In a function every
# statement sees what was committed before it, so the lock holds for the insert.
_QUEUE_JOB = """
CREATE FUNCTION queue_job(
    job_entrypoint text, job_payload bytea, job_wait interval, job_key text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    job_id bigint;
BEGIN
    IF job_key IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock_shared(hashtextextended(job_key, 0));
    END IF;
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
END $$
"""


def upgrade() -> None:
    op.execute(_QUEUE_JOB)


def downgrade() -> None:
    op.execute("DROP FUNCTION queue_job(text, bytea, interval, text)")
