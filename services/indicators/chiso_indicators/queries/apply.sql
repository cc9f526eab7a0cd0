-- What Apply runs, in one transaction a batch. Every multi-row write goes in the order of its key.

-- name: stored_offsets
WITH asked AS (
    SELECT partition FROM unnest($2::integer[]) AS partition ORDER BY partition
), created AS (
    INSERT INTO indicators.consumer_offset (topic, partition, next_offset)
    SELECT $1, partition, 0 FROM asked
    ON CONFLICT DO NOTHING
    RETURNING partition, next_offset
)
SELECT partition, next_offset FROM created
UNION
SELECT partition, next_offset FROM indicators.consumer_offset WHERE topic = $1 AND partition = ANY ($2);

-- name: move_offsets
WITH moved AS (
    SELECT * FROM unnest($2::integer[], $3::bigint[], $4::bigint[]) AS moved(partition, low, high)
), held AS (
    SELECT held.partition
    FROM indicators.consumer_offset AS held
    JOIN moved USING (partition)
    WHERE held.topic = $1
    ORDER BY held.partition
    FOR UPDATE OF held
)
UPDATE indicators.consumer_offset AS stored
SET next_offset = moved.high
FROM moved JOIN held USING (partition)
WHERE stored.topic = $1 AND stored.partition = moved.partition AND stored.next_offset = moved.low
RETURNING stored.partition;

-- Each is looked up by itself, also by a plan from when the table was empty.
-- name: known_submissions
SELECT asked.agency, asked.submission_id, known.payload_sha256
FROM unnest($1::text[], $2::uuid[]) AS asked(agency, submission_id)
CROSS JOIN LATERAL (
    SELECT payload_sha256 FROM indicators.submission
    WHERE submission.agency = asked.agency AND submission.submission_id = asked.submission_id
    OFFSET 0) AS known;

-- Rows come as arrays of the live tables' row types, which is why these are written "indicators": the types stay
-- where they are when a rebuild moves the statements to another schema.

-- What was replaced, and how many cells were written in all: no row comes back for a new cell.
-- name: upsert_cells
WITH put AS (
    INSERT INTO indicators.cell AS cell
    SELECT * FROM unnest($1::"indicators".cell[]) AS given
    ORDER BY given.unit COLLATE "C", given.indicator COLLATE "C", given.calendar COLLATE "C",
        given.period COLLATE "C", given.basis COLLATE "C"
    ON CONFLICT (unit, indicator, calendar, period, basis) DO UPDATE SET
        level = EXCLUDED.level,
        parent = EXCLUDED.parent,
        op = EXCLUDED.op,
        status = EXCLUDED.status,
        numerator = EXCLUDED.numerator,
        denominator = EXCLUDED.denominator,
        value = EXCLUDED.value,
        value_high = EXCLUDED.value_high,
        qualifier = EXCLUDED.qualifier,
        as_of = EXCLUDED.as_of,
        order_date = EXCLUDED.order_date,
        revision = EXCLUDED.revision,
        accepted_at = EXCLUDED.accepted_at,
        submission_id = EXCLUDED.submission_id,
        agency = EXCLUDED.agency,
        stage = EXCLUDED.stage,
        reason = EXCLUDED.reason,
        first_accepted_at = least(cell.first_accepted_at, EXCLUDED.first_accepted_at),
        (changes, changes_after_close, changed_at, cause) = (
            SELECT CASE WHEN differs THEN cell.changes + 1 ELSE cell.changes END,
                CASE WHEN differs THEN cell.changes_after_close + EXCLUDED.changes_after_close
                    ELSE cell.changes_after_close END,
                CASE WHEN differs THEN EXCLUDED.changed_at ELSE cell.changed_at END,
                CASE WHEN NOT differs THEN cell.cause WHEN EXCLUDED.op = 'withdraw' THEN 'withdraw' ELSE 'correct' END
            FROM (SELECT (cell.op, cell.status, cell.numerator, cell.denominator, cell.value, cell.value_high,
                    cell.qualifier, cell.as_of)
                IS DISTINCT FROM (EXCLUDED.op, EXCLUDED.status, EXCLUDED.numerator, EXCLUDED.denominator,
                    EXCLUDED.value, EXCLUDED.value_high, EXCLUDED.qualifier, EXCLUDED.as_of) AS differs) AS compared)
    WHERE (EXCLUDED.order_date, EXCLUDED.revision, EXCLUDED.accepted_at, EXCLUDED.submission_id, EXCLUDED.agency)
        > (cell.order_date, cell.revision, cell.accepted_at, cell.submission_id, cell.agency)
    RETURNING new.unit, new.indicator, new.calendar, new.period, new.basis,
        old.unit IS NULL AS created,
        old.op, old.status, old.numerator, old.denominator, old.value, old.value_high, old.qualifier, old.as_of,
        old.order_date, old.revision, old.accepted_at, old.submission_id, old.agency, old.first_accepted_at
)
SELECT counted.written, put.*
FROM (SELECT count(*) AS written FROM put) AS counted
LEFT JOIN put ON NOT put.created;

-- The cells whose winner stood: those that this transaction has not written, and the upsert has locked already.
-- Their first report may have been earlier.
-- name: losing_cells
UPDATE indicators.cell AS cell
SET first_accepted_at = least(cell.first_accepted_at, given.first_accepted_at)
FROM unnest($1::"indicators".cell[]) AS given
WHERE (cell.unit, cell.indicator, cell.calendar, cell.period, cell.basis)
    = (given.unit, given.indicator, given.calendar, given.period, given.basis)
    AND cell.xmin <> pg_current_xact_id()::xid
RETURNING cell.unit, cell.indicator, cell.calendar, cell.period, cell.basis,
    cell.op, cell.status, cell.numerator, cell.denominator, cell.value, cell.value_high, cell.qualifier,
    cell.as_of, cell.order_date, cell.revision, cell.accepted_at, cell.submission_id, cell.agency,
    old.first_accepted_at;

-- name: append_dirty
INSERT INTO indicators.dirty (kind, cells, changes) VALUES ('cells', $1, $2) RETURNING id;

-- name: insert_submissions
INSERT INTO indicators.submission
SELECT * FROM unnest($1::"indicators".submission[]) AS given
ORDER BY given.agency COLLATE "C", given.submission_id
ON CONFLICT DO NOTHING
RETURNING agency, submission_id;

-- name: count_duplicates
UPDATE indicators.submission AS submission
SET duplicates = submission.duplicates + given.times
FROM (
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::integer[]) AS given(agency, submission_id, times)
) AS given
WHERE submission.agency = given.agency AND submission.submission_id = given.submission_id;

-- name: insert_conflicts
INSERT INTO indicators.submission_conflict
SELECT * FROM json_populate_recordset(NULL::indicators.submission_conflict, $1::json) AS given
ORDER BY given.agency COLLATE "C", given.submission_id, given.partition, given.log_offset
ON CONFLICT DO NOTHING;

-- name: insert_quarantine
INSERT INTO indicators.quarantine (
    topic, partition, log_offset, reason, detail, quarantined_at, record_key, headers, value)
SELECT $1, partition, log_offset, reason, detail, $2, record_key, headers::jsonb, value
FROM unnest($3::integer[], $4::bigint[], $5::text[], $6::text[], $7::bytea[], $8::text[], $9::bytea[])
    AS given(partition, log_offset, reason, detail, record_key, headers, value)
ORDER BY partition, log_offset
ON CONFLICT DO NOTHING;
