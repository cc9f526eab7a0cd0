-- A generation is the store computed anew in a schema of its own, `indicators_rebuild`, beside the live one.

-- What Apply writes gets tables of its own there; all else (catalogue, decisions) is the live one's, as views.
-- name: make_generation
SELECT indicators.make_generation($1::text[]);

-- It is thrown away after a crash, and filled by whoever asks nothing of it but by key.
-- name: lighten_generation
ALTER TABLE indicators_rebuild.consumer_offset SET UNLOGGED;
ALTER TABLE indicators_rebuild.submission SET UNLOGGED;
ALTER TABLE indicators_rebuild.submission_conflict SET UNLOGGED;
ALTER TABLE indicators_rebuild.revision SET UNLOGGED, DROP CONSTRAINT revision_pkey;
ALTER TABLE indicators_rebuild.cell SET UNLOGGED;
ALTER TABLE indicators_rebuild.quarantine SET UNLOGGED;
DROP INDEX indicators_rebuild.submission_agency_accepted_at_submission_id_idx,
    indicators_rebuild.cell_parent_indicator_calendar_basis_period_idx;

-- name: drop_generation
DROP SCHEMA IF EXISTS indicators_rebuild CASCADE;

-- name: lead_rebuild
SELECT pg_try_advisory_lock(hashtextextended('chiso_rebuild', 0));

-- name: leave_rebuild
SELECT pg_advisory_unlock(hashtextextended('chiso_rebuild', 0));

-- name: pause_decisions
LOCK TABLE indicators.operation IN SHARE MODE;

-- name: live_offsets
SELECT partition, next_offset FROM indicators.consumer_offset WHERE topic = $1;

-- Apply waits for whoever holds these rows, and goes on from where they stand then.
-- name: lock_live_offsets
SELECT partition, next_offset FROM indicators.consumer_offset WHERE topic = $1
ORDER BY partition FOR UPDATE;

-- name: count_decisions
SELECT count(*) FROM indicators.operation;

-- Cells that the log does not give as they stand. How often a cell changed is no part of what it says.
-- name: differing_cells
SELECT coalesce(live.unit, made.unit) AS unit, coalesce(live.indicator, made.indicator) AS indicator,
    coalesce(live.calendar, made.calendar) AS calendar, coalesce(live.period, made.period) AS period,
    coalesce(live.basis, made.basis) AS basis,
    to_jsonb(live) AS stored, to_jsonb(made) AS computed
FROM indicators.cell AS live
FULL JOIN indicators_rebuild.cell AS made
    ON (live.unit, live.indicator, live.calendar, live.period, live.basis)
    = (made.unit, made.indicator, made.calendar, made.period, made.basis)
WHERE (live.level, live.parent, live.op, live.status, live.numerator, live.denominator, live.value,
        live.value_high, live.qualifier, live.as_of, live.order_date, live.revision, live.accepted_at,
        live.submission_id, live.agency, live.stage, live.reason, live.first_accepted_at)
    IS DISTINCT FROM (made.level, made.parent, made.op, made.status, made.numerator, made.denominator, made.value,
        made.value_high, made.qualifier, made.as_of, made.order_date, made.revision, made.accepted_at,
        made.submission_id, made.agency, made.stage, made.reason, made.first_accepted_at)
ORDER BY 1, 2, 3, 4, 5;

-- Which of several counting reports was applied, unchanged or superseded depends on how partitions interleave,
-- and is told as it was; whether a report counts at all does not.
-- name: differing_revisions
SELECT coalesce(live.unit, made.unit) AS unit, coalesce(live.indicator, made.indicator) AS indicator,
    coalesce(live.calendar, made.calendar) AS calendar, coalesce(live.period, made.period) AS period,
    coalesce(live.basis, made.basis) AS basis, coalesce(live.agency, made.agency) AS agency,
    coalesce(live.submission_id, made.submission_id) AS submission_id, coalesce(live.year, made.year) AS year,
    live.unit IS NULL AS is_missing, made.unit IS NULL AS is_invented,
    to_jsonb(live) AS stored, to_jsonb(made) AS computed
FROM indicators.revision AS live
FULL JOIN indicators_rebuild.revision AS made
    ON (live.unit, live.indicator, live.calendar, live.period, live.basis, live.submission_id, live.agency, live.year)
    = (made.unit, made.indicator, made.calendar, made.period, made.basis, made.submission_id, made.agency, made.year)
WHERE (live.ordinal, live.revision, live.accepted_at, live.op, live.status, live.numerator, live.denominator,
        live.value, live.value_high, live.qualifier, live.as_of, live.stage, live.reason,
        CASE WHEN live.outcome IN ('applied', 'unchanged', 'superseded') THEN 'counts' ELSE live.outcome END)
    IS DISTINCT FROM (made.ordinal, made.revision, made.accepted_at, made.op, made.status, made.numerator,
        made.denominator, made.value, made.value_high, made.qualifier, made.as_of, made.stage, made.reason,
        CASE WHEN made.outcome IN ('applied', 'unchanged', 'superseded') THEN 'counts' ELSE made.outcome END)
ORDER BY 1, 2, 3, 4, 5, 6, 7;

-- name: differing_submissions
SELECT agency, submission_id, live.agency IS NULL AS is_missing, made.agency IS NULL AS is_invented
FROM indicators.submission AS live
FULL JOIN indicators_rebuild.submission AS made USING (agency, submission_id)
WHERE live.payload_sha256 IS DISTINCT FROM made.payload_sha256
ORDER BY 1, 2;

-- name: generation_counts
SELECT (SELECT count(*) FROM indicators_rebuild.submission) AS submissions,
    (SELECT count(*) FROM indicators_rebuild.revision) AS revisions,
    (SELECT count(*) FROM indicators_rebuild.cell) AS cells,
    (SELECT count(*) FROM indicators_rebuild.quarantine) AS quarantined;

-- What differs as a table of keys, for the time of the transaction.
-- name: note_rebuilt_cells
CREATE TEMPORARY TABLE rebuilt_cell ON COMMIT DROP AS
SELECT coalesce(live.unit, made.unit) AS unit, coalesce(live.indicator, made.indicator) AS indicator,
    coalesce(live.calendar, made.calendar) AS calendar, coalesce(live.period, made.period) AS period,
    coalesce(live.basis, made.basis) AS basis, coalesce(live.changes, 0) AS changes
FROM indicators.cell AS live
FULL JOIN indicators_rebuild.cell AS made
    ON (live.unit, live.indicator, live.calendar, live.period, live.basis)
    = (made.unit, made.indicator, made.calendar, made.period, made.basis)
WHERE (live.level, live.parent, live.op, live.status, live.numerator, live.denominator, live.value,
        live.value_high, live.qualifier, live.as_of, live.order_date, live.revision, live.accepted_at,
        live.submission_id, live.agency, live.stage, live.reason, live.first_accepted_at)
    IS DISTINCT FROM (made.level, made.parent, made.op, made.status, made.numerator, made.denominator, made.value,
        made.value_high, made.qualifier, made.as_of, made.order_date, made.revision, made.accepted_at,
        made.submission_id, made.agency, made.stage, made.reason, made.first_accepted_at);

-- name: remove_rebuilt_cells
DELETE FROM indicators.cell USING rebuilt_cell AS key
WHERE (cell.unit, cell.indicator, cell.calendar, cell.period, cell.basis)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis);

-- How often a cell has changed goes on growing: versions of rows that are not stored are made of it.
-- name: insert_rebuilt_cells
INSERT INTO indicators.cell
SELECT (jsonb_populate_record(made, jsonb_build_object(
    'changes', greatest(key.changes, made.changes) + 1, 'changed_at', $1::timestamptz))).*
FROM rebuilt_cell AS key
JOIN indicators_rebuild.cell AS made
    ON (made.unit, made.indicator, made.calendar, made.period, made.basis)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis)
ORDER BY made.unit COLLATE "C", made.indicator COLLATE "C", made.calendar COLLATE "C", made.period COLLATE "C",
    made.basis COLLATE "C";

-- name: replace_submissions
UPDATE indicators_rebuild.submission SET dirty_id = NULL;
DELETE FROM indicators.submission AS live
WHERE NOT EXISTS (SELECT FROM indicators_rebuild.submission AS made
    WHERE (made.agency, made.submission_id, made.payload_sha256)
        = (live.agency, live.submission_id, live.payload_sha256));
INSERT INTO indicators.submission
SELECT made.* FROM indicators_rebuild.submission AS made
WHERE NOT EXISTS (SELECT FROM indicators.submission AS live
    WHERE (made.agency, made.submission_id) = (live.agency, live.submission_id))
ORDER BY agency COLLATE "C", submission_id;

-- name: replace_revisions
CREATE TEMPORARY TABLE rebuilt_revision ON COMMIT DROP AS
SELECT coalesce(live.unit, made.unit) AS unit, coalesce(live.indicator, made.indicator) AS indicator,
    coalesce(live.calendar, made.calendar) AS calendar, coalesce(live.period, made.period) AS period,
    coalesce(live.basis, made.basis) AS basis, coalesce(live.agency, made.agency) AS agency,
    coalesce(live.submission_id, made.submission_id) AS submission_id, coalesce(live.year, made.year) AS year
FROM indicators.revision AS live
FULL JOIN indicators_rebuild.revision AS made
    ON (live.unit, live.indicator, live.calendar, live.period, live.basis, live.submission_id, live.agency, live.year)
    = (made.unit, made.indicator, made.calendar, made.period, made.basis, made.submission_id, made.agency, made.year)
WHERE (live.ordinal, live.revision, live.accepted_at, live.op, live.status, live.numerator, live.denominator,
        live.value, live.value_high, live.qualifier, live.as_of, live.stage, live.reason,
        CASE WHEN live.outcome IN ('applied', 'unchanged', 'superseded') THEN 'counts' ELSE live.outcome END)
    IS DISTINCT FROM (made.ordinal, made.revision, made.accepted_at, made.op, made.status, made.numerator,
        made.denominator, made.value, made.value_high, made.qualifier, made.as_of, made.stage, made.reason,
        CASE WHEN made.outcome IN ('applied', 'unchanged', 'superseded') THEN 'counts' ELSE made.outcome END);
UPDATE indicators_rebuild.revision SET dirty_id = NULL;
DELETE FROM indicators.revision AS live USING rebuilt_revision AS key
WHERE (live.unit, live.indicator, live.calendar, live.period, live.basis, live.submission_id, live.agency, live.year)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis, key.submission_id, key.agency, key.year);
INSERT INTO indicators.revision
SELECT made.* FROM indicators_rebuild.revision AS made
JOIN rebuilt_revision AS key
    ON (made.unit, made.indicator, made.calendar, made.period, made.basis, made.submission_id, made.agency, made.year)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis, key.submission_id, key.agency, key.year);

-- What a rebuild put right is readable from the tick on that takes the rebuild in.
-- name: date_rebuilt_revisions
UPDATE indicators.revision AS live
SET dirty_id = (SELECT max(id) FROM indicators.dirty WHERE kind = 'rebuild')
FROM rebuilt_revision AS key
WHERE (live.unit, live.indicator, live.calendar, live.period, live.basis, live.submission_id, live.agency, live.year)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis, key.submission_id, key.agency, key.year);

-- name: append_rebuilt
INSERT INTO indicators.dirty (kind, cells, changes) VALUES ('rebuild', $1, $2);
