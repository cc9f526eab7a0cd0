-- Alerts about reports and tasks, what people decide about alerts, and what is needed to come back older.

-- The installation's first instant: reports that were due before it are never called missing.
CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    first_started_at timestamptz NOT NULL
);

-- `input` is what an alert looked at when it is no rollup of chiso.rollups.v1 (missing reports, tasks).
-- `suppressed` is what `body` says; `forgotten`: its state was taken off the state topic after the retention.
ALTER TABLE alert
    ADD COLUMN input json,
    ADD COLUMN suppressed boolean NOT NULL DEFAULT false,
    ADD COLUMN forgotten boolean NOT NULL DEFAULT false,
    ADD COLUMN resolved_at timestamptz;
CREATE INDEX alert_dataset ON alert (rule_id, province, indicator, calendar, period, basis);
CREATE INDEX alert_resolved ON alert (resolved_at) WHERE resolved_at IS NOT NULL AND NOT forgotten;

-- What people decided, in the order in which the relay sends it; never changed. The tables below follow from it.
-- `tick` is null for what was read back from chiso.operations.v1 and need not be sent again.
CREATE TABLE operation (
    operation_id uuid PRIMARY KEY,
    tick bigint,
    operation code NOT NULL,
    subject text COLLATE "C" NOT NULL,
    author text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    details json NOT NULL
);
CREATE INDEX operation_tick ON operation (tick) WHERE tick IS NOT NULL;

CREATE TABLE silence (
    silence_id uuid PRIMARY KEY,
    matchers json NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    author text NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    ended_by text
);
CREATE INDEX silence_ends ON silence (ends_at);

CREATE TABLE acknowledgement (
    alert_id uuid PRIMARY KEY,
    episode integer NOT NULL,
    until timestamptz,
    author text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL
);

CREATE TABLE task_done (
    task_id text COLLATE "C" PRIMARY KEY,
    done_on date NOT NULL,
    author text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL
);

-- Counters of alerts that the state topic knew higher than this database when it started.
CREATE TABLE sequence_floor (
    alert_id uuid PRIMARY KEY,
    sequence bigint NOT NULL,
    episode integer NOT NULL
);
