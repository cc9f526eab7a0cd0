-- What people decided: reopenings, approvals and refusals of held revisions, the catalogue in force. Each is told
-- to the world once; no cursor may follow them, so each row says itself whether it has been published.

CREATE TABLE operation (
    operation_id uuid PRIMARY KEY,
    operation code NOT NULL,
    subject code NOT NULL,
    author text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    details jsonb NOT NULL,
    published_at timestamptz
);
CREATE INDEX operation_by_subject ON operation (subject, at);
CREATE INDEX operation_unpublished ON operation (at, operation_id) WHERE published_at IS NULL;

-- A unit's period that was opened again. `closes_at` is empty until somebody says when; `closed_tick` until the
-- tick that closed it again. For ever: late reports are judged by these spans.
CREATE TABLE reopening (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit code NOT NULL,
    calendar code NOT NULL,
    period code NOT NULL,
    lineage text[] NOT NULL,
    periods text[] NOT NULL,
    reopened_at timestamptz NOT NULL,
    closes_at timestamptz,
    reopened_tick bigint NOT NULL,
    closed_tick bigint
);
CREATE UNIQUE INDEX reopening_running ON reopening (unit, calendar, period) WHERE closed_tick IS NULL;
CREATE INDEX reopening_by_period ON reopening (calendar, period);

-- The reopenings in force, as one value that every reader of the marks sees together with them.
ALTER TABLE tick ADD COLUMN reopened jsonb NOT NULL DEFAULT '[]';

CREATE INDEX revision_held ON revision (accepted_at, submission_id, agency, ordinal) WHERE outcome = 'held';

-- Which rows a dirty row of kind `reference` means; empty: all that are not closed.
ALTER TABLE dirty ADD COLUMN scope jsonb;
