"""A turn in fewer trips: a question in an idle conversation, and the end of a run, are one call.

Revision: 20261130_1020
Revises: 20261130_1010
"""

from __future__ import annotations

from alembic import op

revision = "20261130_1020"
down_revision = "20261130_1010"
branch_labels = None
depends_on = None

# Writes what `agent.runs.open_run` does (tests/db/test_asking.py compares them), or nothing at
# all: whatever is not plain is left to that. The checks come before the first write; what another
# transaction does in between runs into a unique key, and the statement is rolled back.
_ASK_FOR_RUN = """
CREATE FUNCTION ask_for_run(
    asking_user uuid,
    wanted_business uuid,
    wanted_conversation uuid,
    first_title text,
    allowed_roles text[],
    new_run uuid,
    new_client_run text,
    new_input_hash text,
    message_ids uuid[],
    contents text[],
    event_type text,
    event_data text,
    job_entrypoint text,
    job_payload bytea,
    asked_at timestamptz,
    a_minute int,
    a_day int
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    found_business uuid;
    is_new boolean;
    known uuid[] := '{}';
BEGIN
    SELECT business_id INTO found_business FROM agent_conversations
        WHERE id = wanted_conversation AND user_id = asking_user FOR NO KEY UPDATE;
    is_new := NOT FOUND;
    IF is_new THEN
        found_business := wanted_business;
        IF found_business IS NULL THEN
            SELECT min(business_id::text)::uuid INTO found_business
                FROM user_business_memberships WHERE user_id = asking_user HAVING count(*) = 1;
        END IF;
    ELSIF found_business <> wanted_business
        OR EXISTS (SELECT FROM agent_runs WHERE conversation_id = wanted_conversation
            AND state NOT IN ('completed', 'failed', 'cancelled'))
    THEN
        RETURN false;
    ELSE
        known := ARRAY(SELECT id FROM agent_messages
            WHERE conversation_id = wanted_conversation AND id = ANY (message_ids));
    END IF;
    IF NOT EXISTS (SELECT FROM user_business_memberships WHERE user_id = asking_user
            AND business_id = found_business AND role = ANY (allowed_roles))
        OR EXISTS (SELECT FROM agent_runs
            WHERE business_id = found_business AND client_run_id = new_client_run)
        OR message_ids <@ known
        OR count_run(asking_user, found_business, asked_at, a_minute, a_day) IS NOT NULL
    THEN
        RETURN false;
    END IF;
    IF is_new THEN
        INSERT INTO agent_conversations (id, business_id, user_id, title)
            VALUES (wanted_conversation, found_business, asking_user, first_title);
    ELSE
        UPDATE agent_conversations
            SET title = COALESCE(NULLIF(title, ''), first_title), updated_at = clock_timestamp()
            WHERE id = wanted_conversation;
    END IF;
    INSERT INTO agent_runs (id, business_id, conversation_id, user_id, client_run_id, input_hash,
            state, job_id, created_at)
        VALUES (new_run, found_business, wanted_conversation, asking_user, new_client_run,
            new_input_hash, 'queued', queue_job(job_entrypoint, job_payload, '0', NULL),
            clock_timestamp());
    INSERT INTO agent_messages (id, conversation_id, role, content, run_id, created_at)
        SELECT id, wanted_conversation, 'user', content, new_run, clock_timestamp()
        FROM unnest(message_ids, contents) WITH ORDINALITY AS asked (id, content, place)
        WHERE id <> ALL (known) ORDER BY place;
    INSERT INTO agent_run_events (run_id, seq, type, data)
        VALUES (new_run, 1, event_type, event_data);
    RETURN true;
END $$
"""

# Locks the conversation first and the run second, as asking and cancelling do. Tells false, and
# changes nothing, once another attempt has taken the run over.
_END_RUN = """
CREATE FUNCTION end_run(
    ending_run uuid,
    ending_attempt int,
    final_state text,
    final_error text,
    tokens jsonb,
    said_id uuid,
    said text,
    said_metadata jsonb,
    event_seqs int[],
    event_types text[],
    event_data text[],
    channel text,
    announcement text,
    job_entrypoint text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    ending_conversation uuid;
    next_run uuid;
    next_state text;
    next_job bigint;
BEGIN
    SELECT conversation_id INTO ending_conversation FROM agent_runs WHERE id = ending_run;
    PERFORM FROM agent_conversations WHERE id = ending_conversation FOR NO KEY UPDATE;
    PERFORM FROM agent_runs
        WHERE id = ending_run AND attempt = ending_attempt FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF said_id IS NOT NULL THEN
        INSERT INTO agent_messages
            (id, conversation_id, role, content, run_id, created_at, metadata)
        VALUES (said_id, ending_conversation, 'assistant', said, ending_run, clock_timestamp(),
            said_metadata)
        ON CONFLICT (id) DO NOTHING;
    END IF;
    UPDATE agent_runs
        SET state = final_state, error_code = final_error, usage = tokens,
            finished_at = clock_timestamp()
        WHERE id = ending_run;
    SELECT id, state, job_id INTO next_run, next_state, next_job FROM agent_runs
        WHERE conversation_id = ending_conversation
            AND state NOT IN ('completed', 'failed', 'cancelled')
        ORDER BY created_at LIMIT 1;
    IF next_state = 'queued' AND next_job IS NULL THEN
        UPDATE agent_runs
            SET job_id = queue_job(job_entrypoint,
                convert_to(json_build_object('run_id', next_run)::text, 'UTF8'), '0', NULL)
            WHERE id = next_run;
    END IF;
    INSERT INTO agent_run_events (run_id, seq, type, data)
        SELECT ending_run, event.seq, event.type, event.data
        FROM unnest(event_seqs, event_types, event_data) AS event (seq, type, data);
    IF announcement IS NOT NULL THEN
        PERFORM pg_notify(channel, announcement);
    END IF;
    RETURN true;
END $$
"""

# The engine's own trigger (20261122_1940) also tells of deleted rows, that is of each job that has
# ended: every worker then asks four times for work, and there is none. A worker that was full
# looks again by itself, ten times a second while there is something to do.
_TELL_OF_JOBS = """
CREATE OR REPLACE TRIGGER tg_pgqueuer_changed AFTER {events} ON pgqueuer
EXECUTE FUNCTION fn_pgqueuer_changed()
"""


def upgrade() -> None:
    op.execute(_ASK_FOR_RUN)
    op.execute(_END_RUN)
    op.execute(_TELL_OF_JOBS.format(events="INSERT OR TRUNCATE"))


def downgrade() -> None:
    op.execute(_TELL_OF_JOBS.format(events="INSERT OR UPDATE OR DELETE OR TRUNCATE"))
    op.execute("DROP FUNCTION end_run")
    op.execute("DROP FUNCTION ask_for_run")
