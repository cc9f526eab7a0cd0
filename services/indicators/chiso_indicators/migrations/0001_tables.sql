-- What Apply writes (submissions, revisions, cells, quarantine, dirty) and what Roll makes of it (rollups).
-- Codes and keys are compared byte by byte: COLLATE "C" gives every writer the same order.

CREATE DOMAIN code AS text COLLATE "C";

CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    first_started_at timestamptz NOT NULL
);

CREATE TABLE consumer_offset (
    topic code NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- One row per (agency, submission_id), for ever: only submissions are deduplicated.
CREATE TABLE submission (
    agency code NOT NULL,
    submission_id uuid NOT NULL,
    payload_sha256 code NOT NULL,
    accepted_at timestamptz NOT NULL,
    applied_at timestamptz NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    key_id text NOT NULL,
    catalogue_version text NOT NULL,
    calendar code NOT NULL,
    period code NOT NULL,
    basis code NOT NULL,
    as_of date,
    stage code NOT NULL,
    revision integer NOT NULL,
    reason text,
    source jsonb NOT NULL,
    observations integer NOT NULL,
    outcomes text[] NOT NULL,
    duplicates integer NOT NULL DEFAULT 0,
    dirty_id bigint,
    record_key text,
    headers jsonb NOT NULL,
    document text NOT NULL,
    PRIMARY KEY (agency, submission_id)
);
CREATE INDEX submission_by_time ON submission (agency, accepted_at, submission_id);

CREATE TABLE submission_conflict (
    agency code NOT NULL,
    submission_id uuid NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    payload_sha256 code NOT NULL,
    accepted_at timestamptz NOT NULL,
    document text NOT NULL,
    PRIMARY KEY (agency, submission_id, partition, log_offset)
);

-- Every accepted observation with what became of it; by year of its period.
CREATE TABLE revision (
    year integer NOT NULL,
    unit code NOT NULL,
    indicator code NOT NULL,
    calendar code NOT NULL,
    period code NOT NULL,
    basis code NOT NULL,
    agency code NOT NULL,
    submission_id uuid NOT NULL,
    ordinal integer NOT NULL,
    revision integer NOT NULL,
    accepted_at timestamptz NOT NULL,
    applied_at timestamptz NOT NULL,
    outcome code NOT NULL,
    outcome_reason text,
    op code NOT NULL,
    status code NOT NULL,
    numerator numeric,
    denominator numeric,
    value numeric,
    value_high numeric,
    qualifier code NOT NULL,
    as_of date,
    stage code NOT NULL,
    reason text,
    late boolean,
    PRIMARY KEY (unit, indicator, calendar, period, basis, submission_id, agency, year)
) PARTITION BY RANGE (year);

-- The winner of each cell. `order_date` is as_of for the bases as_of and unstated, else a constant.
CREATE TABLE cell (
    unit code NOT NULL,
    indicator code NOT NULL,
    calendar code NOT NULL,
    period code NOT NULL,
    basis code NOT NULL,
    level code NOT NULL,
    parent code,
    op code NOT NULL,
    status code NOT NULL,
    numerator numeric,
    denominator numeric,
    value numeric,
    value_high numeric,
    qualifier code NOT NULL,
    as_of date,
    order_date date NOT NULL,
    revision integer NOT NULL,
    accepted_at timestamptz NOT NULL,
    submission_id uuid NOT NULL,
    agency code NOT NULL,
    stage code NOT NULL,
    reason text,
    first_accepted_at timestamptz NOT NULL,
    changes integer NOT NULL,
    changes_after_close integer NOT NULL,
    changed_at timestamptz NOT NULL,
    cause code NOT NULL,
    PRIMARY KEY (unit, indicator, calendar, period, basis)
);
CREATE INDEX cell_by_parent ON cell (parent, indicator, calendar, basis, period);

-- What Roll has to look at. Appended by Apply, deleted by the tick that took it.
CREATE TABLE dirty (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    appended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind code NOT NULL CHECK (kind IN ('cells', 'reference')),
    cells integer NOT NULL,
    changes text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- Which tick took which dirty row: the way from a submission to the rollup versions it made.
CREATE TABLE rolled (
    dirty_id bigint PRIMARY KEY,
    tick bigint NOT NULL
);

-- One row; whoever holds it rolls. Marks: up to which instant the clock's own events have been rolled.
CREATE TABLE tick (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    tick bigint NOT NULL,
    stamp timestamptz NOT NULL,
    ended_through timestamptz NOT NULL,
    due_through timestamptz NOT NULL,
    closed_through timestamptz NOT NULL
) WITH (fillfactor = 10);

-- Apart from `tick`, so that publishing never waits for a tick.
CREATE TABLE published (
    topic code PRIMARY KEY,
    tick bigint NOT NULL,
    ordinal integer NOT NULL
) WITH (fillfactor = 10);

-- For additive kinds `numerator` is the exact sum and `denominator` is empty; readers see it as `value`.
CREATE TABLE rollup (
    unit code NOT NULL,
    indicator code NOT NULL,
    calendar code NOT NULL,
    period code NOT NULL,
    basis code NOT NULL,
    level code NOT NULL,
    numerator numeric,
    denominator numeric,
    value numeric,
    value_source code NOT NULL,
    not_aggregable text,
    reported jsonb,
    discrepancy numeric,
    n_expected integer NOT NULL,
    n_reported integer NOT NULL,
    n_contributing integer NOT NULL,
    n_on_time integer NOT NULL,
    n_percent_only integer NOT NULL,
    n_unexpected integer NOT NULL,
    n_withdrawn integer NOT NULL,
    completeness numeric,
    timeliness numeric,
    stale boolean NOT NULL,
    status_colour code NOT NULL,
    derived jsonb,
    phase code NOT NULL,
    vintage integer NOT NULL,
    version integer NOT NULL,
    causes text[] NOT NULL,
    target jsonb,
    attainment numeric,
    missing text[],
    tick bigint NOT NULL,
    ordinal integer NOT NULL,
    updated_at timestamptz NOT NULL,
    catalogue_version text NOT NULL,
    PRIMARY KEY (unit, indicator, calendar, period, basis)
) WITH (fillfactor = 80);
CREATE INDEX rollup_by_indicator ON rollup (indicator, calendar, period, basis, level);
CREATE INDEX rollup_by_period ON rollup (calendar, period);
CREATE INDEX rollup_by_tick ON rollup (tick);

-- Every version of every rollup in one order (tick, ordinal): `as_of`, /v1/changes and the relay read it.
CREATE TABLE rollup_history (
    LIKE rollup,
    changed_cells jsonb NOT NULL,
    changed_cells_count integer NOT NULL,
    mode code NOT NULL,
    PRIMARY KEY (tick, ordinal, updated_at)
) PARTITION BY RANGE (updated_at);
CREATE INDEX rollup_history_by_key ON rollup_history (unit, indicator, calendar, period, basis, tick);

CREATE TABLE quarantine (
    topic code NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    reason code NOT NULL,
    detail text NOT NULL,
    quarantined_at timestamptz NOT NULL,
    record_key bytea,
    headers jsonb NOT NULL,
    value bytea,
    PRIMARY KEY (topic, partition, log_offset)
);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    checked integer NOT NULL,
    drift_rows integer NOT NULL,
    pending integer NOT NULL,
    seconds numeric NOT NULL,
    drift jsonb NOT NULL
);

-- Partitions by year. The default ones take what nobody foresaw, so that no row is ever refused.
CREATE TABLE revision_other PARTITION OF revision DEFAULT;
CREATE TABLE rollup_history_other PARTITION OF rollup_history DEFAULT;

CREATE FUNCTION ensure_year(wanted integer) RETURNS void LANGUAGE plpgsql
    SET search_path = indicators, pg_catalog AS $$
BEGIN
    IF to_regclass(format('indicators.revision_%s', wanted)) IS NULL THEN
        EXECUTE format('CREATE TABLE indicators.revision_%1$s PARTITION OF indicators.revision'
            ' FOR VALUES FROM (%1$s) TO (%1$s + 1)', wanted);
    END IF;
    IF to_regclass(format('indicators.rollup_history_%s', wanted)) IS NULL THEN
        EXECUTE format('CREATE TABLE indicators.rollup_history_%s PARTITION OF indicators.rollup_history'
            ' FOR VALUES FROM (%L) TO (%L)', wanted,
            make_timestamptz(wanted, 1, 1, 0, 0, 0, 'UTC'),
            make_timestamptz(wanted + 1, 1, 1, 0, 0, 0, 'UTC'));
    END IF;
END $$;

SELECT ensure_year(year) FROM generate_series(2025, 2028) AS year;

INSERT INTO published (topic, tick, ordinal) VALUES ('chiso.rollups.v1', 0, 0);
