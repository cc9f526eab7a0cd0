-- Decisions that are read back from chiso.operations.v1 by an older or an empty database (delivery, Restore).

-- name: has_started
SELECT EXISTS (SELECT FROM indicators.installation);

-- What is known already is left out: it has had its effect. Nothing of it is published again.
-- name: note_read_operations
INSERT INTO indicators.operation (operation_id, operation, subject, author, reason, at, details, published_at)
SELECT operation_id, operation, subject, author, reason, at, details, $2
FROM json_populate_recordset(NULL::indicators.operation, $1::json)
ORDER BY operation_id
ON CONFLICT DO NOTHING
RETURNING operation_id;

-- name: decided_but_held
SELECT revision.*, submission.key_id, operation.operation AS decision
FROM indicators.revision
JOIN indicators.submission USING (agency, submission_id)
JOIN indicators.operation ON operation.subject = concat(revision.agency, '/', revision.submission_id, '/',
        concat_ws('|', revision.unit, revision.indicator, revision.calendar, revision.period, revision.basis))
    AND operation.operation IN ('approved', 'refused')
WHERE revision.outcome = 'held'
ORDER BY revision.unit, revision.indicator, revision.calendar, revision.period, revision.basis,
    revision.agency, revision.submission_id
FOR UPDATE OF revision;

-- name: all_reopenings
SELECT unit, calendar, period, lineage, periods, reopened_at, closes_at, closed_tick FROM indicators.reopening
ORDER BY id;

-- name: put_reopening_ends
UPDATE indicators.reopening AS stored
SET closes_at = given.closes_at, closed_tick = given.closed_tick
FROM json_populate_recordset(NULL::indicators.reopening, $1::json) AS given
WHERE (stored.unit, stored.calendar, stored.period, stored.reopened_at)
    = (given.unit, given.calendar, given.period, given.reopened_at) AND stored.closed_tick IS NULL;

-- name: add_reopenings
INSERT INTO indicators.reopening (
    unit, calendar, period, lineage, periods, reopened_at, closes_at, reopened_tick, closed_tick)
SELECT unit, calendar, period, lineage, periods, reopened_at, closes_at, reopened_tick, closed_tick
FROM json_populate_recordset(NULL::indicators.reopening, $1::json) AS given
WHERE NOT EXISTS (SELECT FROM indicators.reopening AS stored
    WHERE (stored.unit, stored.calendar, stored.period, stored.reopened_at)
        = (given.unit, given.calendar, given.period, given.reopened_at))
ORDER BY given.reopened_at, given.unit COLLATE "C";

-- The versions that were made on the way back to the present are not told: only how each row stands in the end.
-- name: pass_over_versions
UPDATE indicators.version_floor AS floor SET version = rollup.version - 1
FROM indicators.rollup
WHERE (floor.unit, floor.indicator, floor.calendar, floor.period, floor.basis)
    = (rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis)
    AND floor.version < rollup.version - 1;
