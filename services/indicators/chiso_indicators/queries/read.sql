-- What the endpoints read. Lists page by key, so that a page costs the same wherever it stands.

-- name: tick_row
SELECT * FROM indicators.tick;

-- Leaves the mark of a reader: no tick with an earlier or equal stamp can follow. Waits for the tick under way.
-- name: leave_mark
UPDATE indicators.tick SET stamp = greatest(stamp, $1);

-- name: list_rollup_keys
SELECT unit, indicator, calendar, period, basis, true AS stored
FROM indicators.rollup
WHERE ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text[] IS NULL OR level = ANY ($2))
    AND ($3::text[] IS NULL OR indicator = ANY ($3)) AND ($4::text[] IS NULL OR calendar = ANY ($4))
    AND ($5::text[] IS NULL OR period = ANY ($5)) AND ($6::text[] IS NULL OR basis = ANY ($6))
    AND ($7::text IS NULL OR (unit, indicator, calendar, period, basis) > ($7, $8, $9, $10, $11))
UNION ALL
SELECT unit, indicator, calendar, period, basis, false
FROM indicators.cell
WHERE level = ANY ($12)
    AND ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text[] IS NULL OR level = ANY ($2))
    AND ($3::text[] IS NULL OR indicator = ANY ($3)) AND ($4::text[] IS NULL OR calendar = ANY ($4))
    AND ($5::text[] IS NULL OR period = ANY ($5)) AND ($6::text[] IS NULL OR basis = ANY ($6))
    AND ($7::text IS NULL OR (unit, indicator, calendar, period, basis) > ($7, $8, $9, $10, $11))
ORDER BY unit, indicator, calendar, period, basis
LIMIT $13;

-- name: list_rollups_as_of
SELECT DISTINCT ON (unit, indicator, calendar, period, basis) *
FROM indicators.rollup_history
WHERE ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text[] IS NULL OR level = ANY ($2))
    AND ($3::text[] IS NULL OR indicator = ANY ($3)) AND ($4::text[] IS NULL OR calendar = ANY ($4))
    AND ($5::text[] IS NULL OR period = ANY ($5)) AND ($6::text[] IS NULL OR basis = ANY ($6))
    AND ($7::text IS NULL OR (unit, indicator, calendar, period, basis) > ($7, $8, $9, $10, $11))
    AND updated_at <= $12
ORDER BY unit, indicator, calendar, period, basis, tick DESC
LIMIT $13;

-- name: rollup_versions
SELECT * FROM indicators.rollup_history
WHERE unit = $1 AND indicator = $2 AND calendar = $3 AND period = $4 AND basis = $5
ORDER BY tick, ordinal;

-- name: rollup_changes
SELECT * FROM indicators.rollup_history
WHERE (tick, ordinal) > ($1, $2)
ORDER BY tick, ordinal
LIMIT $3;

-- name: list_cells
WITH page AS MATERIALIZED (
    SELECT * FROM indicators.cell
    WHERE ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text[] IS NULL OR level = ANY ($2))
        AND ($3::text[] IS NULL OR indicator = ANY ($3)) AND ($4::text[] IS NULL OR calendar = ANY ($4))
        AND ($5::text[] IS NULL OR period = ANY ($5)) AND ($6::text[] IS NULL OR basis = ANY ($6))
        AND ($7::text IS NULL OR (unit, indicator, calendar, period, basis) > ($7, $8, $9, $10, $11))
    ORDER BY unit, indicator, calendar, period, basis
    LIMIT $12
)
SELECT page.*, revision.late
FROM page
LEFT JOIN indicators.revision USING (unit, indicator, calendar, period, basis, submission_id, agency)
ORDER BY unit, indicator, calendar, period, basis;

-- name: cells_of_keys
WITH key AS (
    SELECT * FROM json_to_recordset($1::json) AS key(
        n integer, unit text, indicator text, calendar text, period text, basis text)
)
SELECT cell.*, revision.late
FROM key
JOIN indicators.cell ON (cell.unit, cell.indicator, cell.calendar, cell.period, cell.basis)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis)
LEFT JOIN indicators.revision
    ON (revision.unit, revision.indicator, revision.calendar, revision.period, revision.basis)
        = (cell.unit, cell.indicator, cell.calendar, cell.period, cell.basis)
    AND revision.submission_id = cell.submission_id AND revision.agency = cell.agency;

-- name: cell_revisions
SELECT * FROM indicators.revision
WHERE unit = $1 AND indicator = $2 AND calendar = $3 AND period = $4 AND basis = $5
ORDER BY accepted_at DESC, revision DESC, submission_id DESC;

-- name: submission
SELECT submission.*, rolled.tick AS rolled_tick, dirty.id IS NOT NULL AS waiting
FROM indicators.submission
LEFT JOIN indicators.rolled ON rolled.dirty_id = submission.dirty_id
LEFT JOIN indicators.dirty ON dirty.id = submission.dirty_id
WHERE agency = $1 AND submission_id = $2;

-- name: submission_conflicts
SELECT partition, log_offset, payload_sha256, accepted_at FROM indicators.submission_conflict
WHERE agency = $1 AND submission_id = $2
ORDER BY partition, log_offset;

-- name: submission_revisions
SELECT revision.*
FROM json_to_recordset($1::json) AS key(
    n integer, unit text, indicator text, calendar text, period text, basis text)
JOIN indicators.revision ON revision.unit = key.unit AND revision.indicator = key.indicator
    AND revision.calendar = key.calendar AND revision.period = key.period AND revision.basis = key.basis
    AND revision.submission_id = $3 AND revision.agency = $2
ORDER BY revision.ordinal;

-- name: versions_at_tick
SELECT DISTINCT ON (key.n) key.n, history.version
FROM json_to_recordset($1::json) AS key(
    n integer, unit text, indicator text, calendar text, period text, basis text)
JOIN indicators.rollup_history AS history ON history.unit = key.unit AND history.indicator = key.indicator
    AND history.calendar = key.calendar AND history.period = key.period AND history.basis = key.basis
    AND history.tick <= $2
ORDER BY key.n, history.tick DESC;

-- name: list_submissions
SELECT agency, submission_id, accepted_at, applied_at, calendar, period, basis, as_of, stage, revision, reason,
    source, observations, outcomes, duplicates, payload_sha256
FROM indicators.submission
WHERE ($1::text IS NULL OR agency = $1)
    AND ($2::timestamptz IS NULL OR accepted_at >= $2) AND ($3::timestamptz IS NULL OR accepted_at < $3)
    AND ($4::text IS NULL OR $4 = ANY (outcomes))
    AND ($5::timestamptz IS NULL OR (accepted_at, submission_id, agency) < ($5, $6, $7))
ORDER BY accepted_at DESC, submission_id DESC, agency DESC
LIMIT $8;

-- name: list_missing
SELECT unit.code AS unit, obligation.indicator, period.calendar, period.code AS period, obligation.basis,
    CASE obligation.level WHEN 'commune' THEN period.due_at_commune WHEN 'department' THEN period.due_at_department
        WHEN 'province' THEN period.due_at_province ELSE period.due_at_nation END AS due_at
FROM indicators.obligation
JOIN indicators.period ON period.calendar = obligation.calendar AND period.frequency = obligation.frequency
    AND period.ends_on BETWEEN obligation.valid_from AND obligation.valid_to
JOIN (
    SELECT DISTINCT ON (code, valid_from) code, level, parent, valid_from, valid_to FROM indicators.unit
) AS unit ON unit.level = obligation.level AND period.ends_on BETWEEN unit.valid_from AND unit.valid_to
LEFT JOIN indicators.cell ON cell.unit = unit.code AND cell.indicator = obligation.indicator
    AND cell.calendar = period.calendar AND cell.period = period.code AND cell.basis = obligation.basis
    AND cell.op = 'report'
WHERE cell.unit IS NULL
    AND (period.calendar, period.code) IN (SELECT * FROM unnest($1::text[], $2::text[]))
    AND ($3::text[] IS NULL OR unit.code = ANY ($3) OR unit.parent = ANY ($3) OR 'VN' = ANY ($3))
    AND ($4::text[] IS NULL OR obligation.indicator = ANY ($4))
    AND ($5::text IS NULL OR (period.calendar, period.code, obligation.indicator, unit.code) > ($5, $6, $7, $8))
ORDER BY period.calendar, period.code, obligation.indicator, unit.code
LIMIT $9;

-- Of series that changed after a tick; of all before the first.
-- name: newest_rows
WITH changed AS (
    SELECT unit, indicator, calendar, basis FROM indicators.rollup
    WHERE $1::bigint < 0 AND level IN ('province', 'nation')
    UNION
    SELECT unit, indicator, calendar, basis FROM indicators.rollup_history
    WHERE $1 >= 0 AND tick > $1 AND level IN ('province', 'nation')
)
SELECT changed.unit, changed.indicator, changed.calendar, changed.basis, newest.value, newest.value_source,
    newest.reported, newest.completeness, newest.target, newest.end_at
FROM changed
LEFT JOIN LATERAL (
    SELECT rollup.value, rollup.value_source, rollup.reported, rollup.completeness, rollup.target, period.end_at
    FROM indicators.rollup
    JOIN indicators.period ON period.calendar = rollup.calendar AND period.code = rollup.period
    WHERE rollup.unit = changed.unit AND rollup.indicator = changed.indicator
        AND rollup.calendar = changed.calendar AND rollup.basis = changed.basis AND rollup.phase <> 'open'
        AND (rollup.n_reported + rollup.n_unexpected > 0 OR rollup.reported IS NOT NULL)
    ORDER BY period.ends_on DESC, period.starts_on DESC
    LIMIT 1
) AS newest ON true;
