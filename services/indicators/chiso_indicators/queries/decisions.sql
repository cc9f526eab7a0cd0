-- What people decide: held revisions, reopenings, and the operations that tell of them.

-- name: reopenings_of_periods
SELECT unit, calendar, period, lineage, periods, reopened_at, closes_at
FROM indicators.reopening
WHERE (calendar, period) IN (SELECT * FROM unnest($1::text[], $2::text[]))
ORDER BY id;

-- name: decisions_of_subjects
SELECT subject, operation FROM indicators.operation
WHERE subject = ANY ($1::text[]) AND operation IN ('approved', 'refused');

-- name: list_held
SELECT revision.*, submission.key_id
FROM indicators.revision
JOIN indicators.submission USING (agency, submission_id)
WHERE revision.outcome = 'held'
    AND ($1::text IS NULL OR revision.agency = $1)
    AND ($2::timestamptz IS NULL
        OR (revision.accepted_at, revision.submission_id, revision.agency, revision.ordinal) > ($2, $3, $4, $5))
ORDER BY revision.accepted_at, revision.submission_id, revision.agency, revision.ordinal
LIMIT $6;

-- The lock makes a second decision wait, and then find nothing.
-- name: lock_held
SELECT revision.*, submission.key_id
FROM indicators.revision
JOIN indicators.submission USING (agency, submission_id)
WHERE revision.outcome = 'held' AND revision.agency = $1 AND revision.submission_id = $2
    AND ($3::text[] IS NULL OR revision.unit = ANY ($3)) AND ($4::text[] IS NULL OR revision.indicator = ANY ($4))
ORDER BY revision.unit, revision.indicator, revision.calendar, revision.period, revision.basis
FOR UPDATE OF revision;

-- name: decide_held
UPDATE indicators.revision
SET outcome = given.outcome, outcome_reason = given.reason, dirty_id = $4
FROM json_to_recordset($1::json) AS given(
    unit text, indicator text, calendar text, period text, basis text, year integer, outcome text, reason text)
WHERE (revision.unit, revision.indicator, revision.calendar, revision.period, revision.basis)
    = (given.unit, given.indicator, given.calendar, given.period, given.basis)
    AND revision.year = given.year AND revision.agency = $2 AND revision.submission_id = $3
    AND revision.outcome = 'held';

-- name: note_decided
UPDATE indicators.submission
SET dirty_id = coalesce($3, dirty_id),
    outcomes = (
        SELECT array_agg(DISTINCT outcome ORDER BY outcome)
        FROM unnest(submission.outcomes || $4::text) AS outcome
        WHERE outcome <> 'held' OR EXISTS (
            SELECT FROM indicators.revision
            WHERE revision.outcome = 'held' AND revision.agency = $1 AND revision.submission_id = $2))
WHERE agency = $1 AND submission_id = $2;

-- name: note_operations
INSERT INTO indicators.operation (operation_id, operation, subject, author, reason, at, details)
SELECT operation_id, operation, subject, author, reason, at, details
FROM json_populate_recordset(NULL::indicators.operation, $1::json)
ORDER BY operation_id
ON CONFLICT DO NOTHING;

-- name: pending_operations
SELECT * FROM indicators.operation WHERE published_at IS NULL
ORDER BY at, operation_id
LIMIT $1;

-- name: operations_published
UPDATE indicators.operation SET published_at = $1 WHERE operation_id = ANY ($2::uuid[]);

-- Nothing is applied between this lock and the commit, so no report is judged as if the decision were not there.
-- name: pause_apply
SELECT partition FROM indicators.consumer_offset ORDER BY topic, partition FOR UPDATE;

-- name: add_reopening
INSERT INTO indicators.reopening (
    unit, calendar, period, lineage, periods, reopened_at, closes_at, reopened_tick)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: set_reopening_end
UPDATE indicators.reopening SET closes_at = $4
WHERE unit = $1 AND calendar = $2 AND period = $3 AND closed_tick IS NULL;

-- name: end_reopenings
UPDATE indicators.reopening SET closed_tick = $1 WHERE closed_tick IS NULL AND closes_at <= $2;

-- name: list_reopenings
SELECT unit, calendar, period, reopened_at, closes_at, reopened_tick, closed_tick FROM indicators.reopening
WHERE calendar = $1 AND period = $2
ORDER BY id DESC;

-- name: rollups_in_phase
SELECT rollup.* FROM indicators.rollup
WHERE calendar = ANY ($1::text[]) AND period = ANY ($2::text[]) AND phase = $3
ORDER BY unit, indicator, calendar, period, basis;
