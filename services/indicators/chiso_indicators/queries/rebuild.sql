-- A generation is the store computed anew in a schema of its own, `indicators_rebuild`, beside the live one.

-- What Apply writes gets tables of its own there; all else (catalogue, decisions) is the live one's, as views.
-- name: make_generation
SELECT indicators.make_generation($1::text[]);

-- It is thrown away after a crash, and nobody asks for its rows by key while it is filled. Its cells are the winners
-- among its revisions that count, by the order of `upsert_cells`; what Apply tells of how they came is left out.
-- They are looked for only where a glance has not settled that the live cell is right: where it is `questionable`.
-- name: lighten_generation
ALTER TABLE indicators_rebuild.consumer_offset SET UNLOGGED;
ALTER TABLE indicators_rebuild.submission SET UNLOGGED, SET (toast_tuple_target = 8160);
ALTER TABLE indicators_rebuild.submission_conflict SET UNLOGGED;
ALTER TABLE indicators_rebuild.revision SET UNLOGGED, DROP CONSTRAINT revision_pkey,
    ADD COLUMN level indicators.code, ADD COLUMN parent indicators.code;
ALTER TABLE indicators_rebuild.quarantine SET UNLOGGED;
DROP INDEX indicators_rebuild.submission_agency_accepted_at_submission_id_idx;
CREATE UNLOGGED TABLE indicators_rebuild.questionable (
    unit indicators.code, indicator indicators.code, calendar indicators.code, period indicators.code,
    basis indicators.code);
CREATE VIEW indicators_rebuild.live_cell AS
SELECT cell.*
FROM indicators.cell JOIN indicators_rebuild.questionable USING (unit, indicator, calendar, period, basis);
DROP VIEW indicators_rebuild.cell;
CREATE VIEW indicators_rebuild.cell AS
SELECT DISTINCT ON (unit, indicator, calendar, period, basis)
    unit, indicator, calendar, period, basis, level, parent, op, status, numerator, denominator, value, value_high,
    qualifier, as_of, order_date, revision, accepted_at, submission_id, agency, stage, reason, first_accepted_at,
    1 AS changes, 0 AS changes_after_close, applied_at AS changed_at,
    CASE op WHEN 'withdraw' THEN 'withdraw' ELSE 'correct' END AS cause
FROM (
    SELECT revision.*,
        CASE WHEN basis IN ('as_of', 'unstated') THEN coalesce(as_of, '0001-01-01') ELSE '0001-01-01' END
            AS order_date,
        min(accepted_at) OVER (PARTITION BY unit, indicator, calendar, period, basis) AS first_accepted_at
    FROM indicators_rebuild.revision
    JOIN indicators_rebuild.questionable USING (unit, indicator, calendar, period, basis)
    WHERE outcome IN ('counts', 'applied', 'unchanged', 'superseded')) AS counting
ORDER BY unit, indicator, calendar, period, basis,
    order_date DESC, revision DESC, accepted_at DESC, submission_id DESC, agency DESC;

-- Which of several counting reports was applied, unchanged or superseded depends on how partitions interleave,
-- and is told as it was; whether a report counts at all does not.
-- name: make_differences
CREATE VIEW indicators_rebuild.differing_revision AS
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
        CASE WHEN made.outcome IN ('applied', 'unchanged', 'superseded') THEN 'counts' ELSE made.outcome END);
CREATE VIEW indicators_rebuild.differing_submission AS
SELECT agency, submission_id, live.agency IS NULL AS is_missing, made.agency IS NULL AS is_invented
FROM indicators.submission AS live
FULL JOIN indicators_rebuild.submission AS made USING (agency, submission_id)
WHERE (live.payload_sha256, live.accepted_at, live.key_id, live.catalogue_version, live.calendar, live.period,
        live.basis, live.as_of, live.stage, live.revision, live.reason, live.source, live.observations,
        live.document)
    IS DISTINCT FROM (made.payload_sha256, made.accepted_at, made.key_id, made.catalogue_version, made.calendar, made.period,
        made.basis, made.as_of, made.stage, made.revision, made.reason, made.source, made.observations,
        made.document);

-- name: drop_generation
DROP SCHEMA IF EXISTS indicators_rebuild CASCADE;

-- name: lead_rebuild
SELECT pg_try_advisory_lock(hashtextextended('chiso_rebuild', 0));

-- name: leave_rebuild
SELECT pg_advisory_unlock_all();

-- name: pause_decisions
LOCK TABLE indicators.operation IN SHARE MODE;

-- How far the generation is. Whoever has asked keeps it from being dropped until the transaction ends.
-- name: generation_offsets
SELECT partition, next_offset FROM indicators_rebuild.consumer_offset WHERE topic = $1;

-- name: is_rebuilding
SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32 | objid::bigint) = hashtextextended('chiso_rebuild', 0));

-- name: live_offsets
SELECT partition, next_offset FROM indicators.consumer_offset WHERE topic = $1;

-- Apply waits for whoever holds these rows, and goes on from where they stand then.
-- name: lock_live_offsets
SELECT partition, next_offset FROM indicators.consumer_offset WHERE topic = $1
ORDER BY partition FOR UPDATE;

-- name: count_decisions
SELECT count(*) FROM indicators.operation;

-- Not questionable is a live cell with the one revision that counts for it, if that says the same.
-- name: note_questionable
INSERT INTO indicators_rebuild.questionable
SELECT DISTINCT coalesce(live.unit, made.unit), coalesce(live.indicator, made.indicator),
    coalesce(live.calendar, made.calendar), coalesce(live.period, made.period), coalesce(live.basis, made.basis)
FROM indicators.cell AS live
FULL JOIN (SELECT * FROM indicators_rebuild.revision WHERE outcome = 'counts') AS made
    ON (live.unit, live.indicator, live.calendar, live.period, live.basis, live.submission_id, live.agency)
    = (made.unit, made.indicator, made.calendar, made.period, made.basis, made.submission_id, made.agency)
WHERE (live.level, live.parent, live.op, live.status, live.numerator, live.denominator, live.value,
        live.value_high, live.qualifier, live.as_of, live.order_date, live.revision, live.accepted_at, live.stage,
        live.reason, live.first_accepted_at)
    IS DISTINCT FROM (made.level, made.parent, made.op, made.status, made.numerator, made.denominator, made.value,
        made.value_high, made.qualifier, made.as_of,
        CASE WHEN made.basis IN ('as_of', 'unstated') THEN coalesce(made.as_of, '0001-01-01') ELSE '0001-01-01' END,
        made.revision, made.accepted_at, made.stage, made.reason, made.accepted_at);

-- Else the planner takes them for hundreds and sorts all revisions to find them.
-- name: weigh_questionable
ANALYZE indicators_rebuild.questionable;

-- Cells that the log does not give as they stand. How often a cell changed is no part of what it says.
-- At most $1 are told; NULL for all.
-- name: differing_cells
SELECT coalesce(live.unit, made.unit) AS unit, coalesce(live.indicator, made.indicator) AS indicator,
    coalesce(live.calendar, made.calendar) AS calendar, coalesce(live.period, made.period) AS period,
    coalesce(live.basis, made.basis) AS basis,
    to_jsonb(live) AS stored, to_jsonb(made) AS computed, count(*) OVER () AS differing,
    count(*) FILTER (WHERE live.unit IS NULL) OVER () AS missing,
    count(*) FILTER (WHERE made.unit IS NULL) OVER () AS invented
FROM indicators_rebuild.live_cell AS live
FULL JOIN indicators_rebuild.cell AS made
    ON (live.unit, live.indicator, live.calendar, live.period, live.basis)
    = (made.unit, made.indicator, made.calendar, made.period, made.basis)
WHERE (live.level, live.parent, live.op, live.status, live.numerator, live.denominator, live.value,
        live.value_high, live.qualifier, live.as_of, live.order_date, live.revision, live.accepted_at,
        live.submission_id, live.agency, live.stage, live.reason, live.first_accepted_at)
    IS DISTINCT FROM (made.level, made.parent, made.op, made.status, made.numerator, made.denominator, made.value,
        made.value_high, made.qualifier, made.as_of, made.order_date, made.revision, made.accepted_at,
        made.submission_id, made.agency, made.stage, made.reason, made.first_accepted_at)
ORDER BY 1, 2, 3, 4, 5
LIMIT $1;

-- name: differing_revisions
SELECT *, count(*) OVER () AS differing FROM indicators_rebuild.differing_revision
ORDER BY unit, indicator, calendar, period, basis, agency, submission_id
LIMIT $1;

-- name: differing_submissions
SELECT *, count(*) OVER () AS differing FROM indicators_rebuild.differing_submission
ORDER BY agency, submission_id
LIMIT $1;

-- The live store's cells: what of them the generation lacks or has beside, `differing_cells` counts.
-- name: generation_counts
SELECT (SELECT count(*) FROM indicators_rebuild.submission) AS submissions,
    (SELECT count(*) FROM indicators_rebuild.revision) AS revisions,
    (SELECT count(*) FROM indicators.cell) AS cells,
    (SELECT count(*) FROM indicators_rebuild.quarantine) AS quarantined;

-- What differs as a table of keys, for the time of the transaction.
-- name: note_rebuilt_cells
CREATE TEMPORARY TABLE rebuilt_cell ON COMMIT DROP AS
SELECT coalesce(live.unit, made.unit) AS unit, coalesce(live.indicator, made.indicator) AS indicator,
    coalesce(live.calendar, made.calendar) AS calendar, coalesce(live.period, made.period) AS period,
    coalesce(live.basis, made.basis) AS basis, coalesce(live.changes, 0) AS changes,
    coalesce(live.changes_after_close, 0) AS changes_after_close
FROM indicators_rebuild.live_cell AS live
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

-- How often a cell has changed goes on growing.
-- name: insert_rebuilt_cells
INSERT INTO indicators.cell
SELECT put.*
FROM rebuilt_cell AS key
JOIN indicators_rebuild.cell AS made
    ON (made.unit, made.indicator, made.calendar, made.period, made.basis)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis)
CROSS JOIN LATERAL jsonb_populate_record(NULL::indicators.cell, to_jsonb(made) || jsonb_build_object(
    'changes', greatest(key.changes, made.changes) + 1, 'changes_after_close', key.changes_after_close,
    'changed_at', $1::timestamptz)) AS put
ORDER BY made.unit COLLATE "C", made.indicator COLLATE "C", made.calendar COLLATE "C", made.period COLLATE "C",
    made.basis COLLATE "C";

-- name: replace_submissions
DELETE FROM indicators.submission AS live USING rebuilt_submission AS key
WHERE (live.agency, live.submission_id) = (key.agency, key.submission_id);
INSERT INTO indicators.submission
SELECT made.* FROM indicators_rebuild.submission AS made
JOIN rebuilt_submission USING (agency, submission_id)
ORDER BY made.agency COLLATE "C", made.submission_id;

-- name: note_rebuilt_reports
CREATE TEMPORARY TABLE rebuilt_revision ON COMMIT DROP AS
SELECT unit, indicator, calendar, period, basis, agency, submission_id, year FROM indicators_rebuild.differing_revision;
CREATE TEMPORARY TABLE rebuilt_submission ON COMMIT DROP AS
SELECT agency, submission_id FROM indicators_rebuild.differing_submission;

-- name: prepare_settling
CREATE INDEX ON indicators_rebuild.revision (unit, indicator, calendar, period, basis);

-- The revisions that count of every cell in which the live store lacks or invents one, with what live says of them.
-- name: open_revisions
SELECT made.*, live.outcome AS live_outcome, live.outcome_reason AS live_reason
FROM indicators_rebuild.revision AS made
LEFT JOIN rebuilt_revision AS key USING (unit, indicator, calendar, period, basis, submission_id, agency, year)
LEFT JOIN indicators.revision AS live
    ON (live.unit, live.indicator, live.calendar, live.period, live.basis, live.submission_id, live.agency, live.year)
    = (made.unit, made.indicator, made.calendar, made.period, made.basis, made.submission_id, made.agency, made.year)
    AND key.unit IS NULL
WHERE made.outcome = 'counts' AND (made.unit, made.indicator, made.calendar, made.period, made.basis) IN (
    SELECT unit, indicator, calendar, period, basis FROM rebuilt_revision)
ORDER BY made.unit, made.indicator, made.calendar, made.period, made.basis, made.accepted_at, made.submission_id,
    made.agency;

-- A kept one that gets another outcome is put into the live store again like the others.
-- name: settle_revisions
WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS given(
        unit text, indicator text, calendar text, period text, basis text, agency text, submission_id uuid,
        outcome text, reason text)
), told AS (
    UPDATE indicators_rebuild.revision AS made SET outcome = given.outcome, outcome_reason = given.reason
    FROM given
    WHERE (made.unit, made.indicator, made.calendar, made.period, made.basis, made.agency, made.submission_id)
        = (given.unit, given.indicator, given.calendar, given.period, given.basis, given.agency, given.submission_id)
    RETURNING made.*
)
INSERT INTO rebuilt_revision
SELECT unit, indicator, calendar, period, basis, agency, submission_id, year FROM told
WHERE NOT EXISTS (SELECT FROM rebuilt_revision AS key
    WHERE (key.unit, key.indicator, key.calendar, key.period, key.basis, key.submission_id, key.agency, key.year)
        = (told.unit, told.indicator, told.calendar, told.period, told.basis, told.submission_id, told.agency,
            told.year));

-- name: replace_revisions
DELETE FROM indicators.revision AS live USING rebuilt_revision AS key
WHERE (live.unit, live.indicator, live.calendar, live.period, live.basis, live.submission_id, live.agency, live.year)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis, key.submission_id, key.agency, key.year);
INSERT INTO indicators.revision
SELECT put.*
FROM indicators_rebuild.revision AS made
JOIN rebuilt_revision AS key
    ON (made.unit, made.indicator, made.calendar, made.period, made.basis, made.submission_id, made.agency, made.year)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis, key.submission_id, key.agency, key.year)
CROSS JOIN LATERAL jsonb_populate_record(NULL::indicators.revision, to_jsonb(made)) AS put;

-- name: retell_submissions
UPDATE indicators.submission AS live SET outcomes = found.outcomes
FROM (
    SELECT revision.agency, revision.submission_id,
        array_agg(DISTINCT revision.outcome::text ORDER BY revision.outcome::text) AS outcomes
    FROM indicators.revision
    JOIN (SELECT agency, submission_id FROM rebuilt_submission
        UNION SELECT agency, submission_id FROM rebuilt_revision) AS put USING (agency, submission_id)
    GROUP BY revision.agency, revision.submission_id) AS found
WHERE (live.agency, live.submission_id) = (found.agency, found.submission_id);

-- What a rebuild put right is readable from the tick on that takes the rebuild in.
-- name: date_rebuilt_revisions
UPDATE indicators.revision AS live SET dirty_id = $1
FROM rebuilt_revision AS key
WHERE (live.unit, live.indicator, live.calendar, live.period, live.basis, live.submission_id, live.agency, live.year)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis, key.submission_id, key.agency, key.year);

-- name: append_rebuilt
INSERT INTO indicators.dirty (kind, cells, changes) VALUES ('rebuild', $1, $2) RETURNING id;
