-- What alerts remembers: where it stands in the log, the last version of each rollup, the alerts with their
-- timers, and every event. Codes are compared byte by byte: COLLATE "C" gives every writer the same order.

CREATE DOMAIN code AS text COLLATE "C";

CREATE TABLE consumer_offset (
    topic code NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- Its row lock makes every change of alerts one at a time. `stamp` never goes backwards.
CREATE TABLE tick (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    tick bigint NOT NULL,
    stamp timestamptz NOT NULL,
    published_tick bigint NOT NULL,
    catalogue_version text
);
INSERT INTO tick (tick, stamp, published_tick) VALUES (0, '2000-01-01 00:00:00+00', 0);

-- Ticks that are not published yet, with how many messages each has.
CREATE TABLE tick_log (
    tick bigint PRIMARY KEY,
    stamp timestamptz NOT NULL,
    messages integer NOT NULL
);

-- The last version of every rollup, so that timers, rules and explanations need not read the log again.
CREATE TABLE rollup_seen (
    unit code NOT NULL,
    indicator code NOT NULL,
    calendar code NOT NULL,
    period code NOT NULL,
    basis code NOT NULL,
    version bigint NOT NULL,
    phase code NOT NULL,
    traceparent text,
    body json NOT NULL,
    PRIMARY KEY (unit, indicator, calendar, period, basis)
);

-- One row per alert that was ever evaluated. `memory` is the machine's, `body` is what the world sees;
-- `due_at` is when the ticker must look again; `state_tick` the last tick the state topic must learn of.
CREATE TABLE alert (
    alert_id uuid PRIMARY KEY,
    rule_id code NOT NULL,
    unit code NOT NULL,
    indicator code NOT NULL,
    calendar code NOT NULL,
    period code NOT NULL,
    basis code NOT NULL,
    level code NOT NULL,
    province code NOT NULL,
    state code NOT NULL CHECK (state IN ('INACTIVE', 'PENDING', 'FIRING', 'RECOVERING', 'RESOLVED')),
    severity code,
    phase code NOT NULL,
    finality code NOT NULL,
    episode integer NOT NULL,
    sequence bigint NOT NULL,
    rule_version text NOT NULL,
    rollup_version bigint NOT NULL,
    due_at timestamptz,
    updated_at timestamptz NOT NULL,
    memory json NOT NULL,
    body json NOT NULL,
    state_tick bigint,
    UNIQUE (rule_id, unit, indicator, calendar, period, basis)
);
CREATE INDEX alert_due ON alert (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX alert_newest ON alert (period DESC, alert_id DESC);
CREATE INDEX alert_state_tick ON alert (state_tick) WHERE state_tick IS NOT NULL;

-- Every event, in the order in which the relay sends them: never changed, never deleted.
CREATE TABLE alert_event (
    tick bigint NOT NULL,
    ordinal integer NOT NULL,
    alert_id uuid NOT NULL REFERENCES alert,
    sequence bigint NOT NULL,
    transition code NOT NULL,
    reason code NOT NULL,
    ce_id text NOT NULL,
    at timestamptz NOT NULL,
    traceparent text,
    body json NOT NULL,
    explanation json NOT NULL,
    PRIMARY KEY (tick, ordinal),
    UNIQUE (alert_id, sequence)
);

-- Records that could not be applied, kept whole.
CREATE TABLE quarantined (
    topic code NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    tick bigint NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    record_key bytea,
    value bytea,
    quarantined_at timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, log_offset)
);
CREATE INDEX quarantined_tick ON quarantined (tick);
