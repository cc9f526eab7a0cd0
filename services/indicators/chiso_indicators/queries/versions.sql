-- Rollups that are not stored, over time: the revisions of their cells with the ticks that took them in.

-- name: count_revisions
WITH key AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS key(
        n integer, unit text, indicator text, calendar text, period text, basis text, year integer)
)
SELECT key.n, count(*) AS revisions
FROM key
JOIN indicators.revision ON revision.unit = key.unit AND revision.indicator = key.indicator
    AND revision.calendar = key.calendar AND revision.period = key.period AND revision.basis = key.basis
    AND revision.year = key.year
GROUP BY key.n;

-- name: taken_revisions
WITH key AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS key(
        n integer, unit text, indicator text, calendar text, period text, basis text, year integer)
)
SELECT key.n, revision.op, revision.status, revision.numerator, revision.denominator, revision.value,
    revision.value_high, revision.qualifier, revision.as_of, revision.order_date, revision.revision,
    revision.accepted_at, revision.submission_id, revision.agency, revision.tick, revision.stamp,
    revision.effective
FROM key
JOIN indicators.rolled_revision AS revision ON revision.unit = key.unit AND revision.indicator = key.indicator
    AND revision.calendar = key.calendar AND revision.period = key.period AND revision.basis = key.basis
    AND revision.year = key.year
WHERE revision.stamp <= $2;

-- The marks at an instant, and all that they became until another one.
-- name: marks_between
SELECT stamp, ended_through, due_through, closed_through, reopened
FROM indicators.mark
WHERE stamp <= $2
    AND stamp >= coalesce(
        (SELECT max(earlier.stamp) FROM indicators.mark AS earlier WHERE earlier.stamp <= $1), '-infinity')
ORDER BY stamp;

-- name: keep_catalogue
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::text[], $4::bytea[]) AS given(name, sha256, content)
), kept AS (
    INSERT INTO indicators.seed_file (sha256, content)
    SELECT DISTINCT ON (sha256) sha256, content FROM given ORDER BY sha256
    ON CONFLICT DO NOTHING
), named AS (
    INSERT INTO indicators.catalogue_file (catalogue_version, name, sha256)
    SELECT $1, name, sha256 FROM given ORDER BY name
    ON CONFLICT DO NOTHING
)
INSERT INTO indicators.looked_again (dirty_id, catalogue_version)
SELECT 0, $1 WHERE NOT EXISTS (SELECT FROM indicators.looked_again);

-- name: catalogue_files
SELECT catalogue_file.name, seed_file.content
FROM indicators.catalogue_file JOIN indicators.seed_file USING (sha256)
WHERE catalogue_file.catalogue_version = $1;

-- Catalogues up to an instant, each from the tick that first looked at rows with it.
-- name: reigns
SELECT looked_again.catalogue_version, looked_again.scope, rolled.tick, rolled.stamp
FROM indicators.looked_again
LEFT JOIN indicators.rolled USING (dirty_id)
WHERE looked_again.dirty_id = 0 OR rolled.stamp <= $1
ORDER BY looked_again.dirty_id;

-- name: list_cells_as_of
SELECT unit, indicator, calendar, period, basis
FROM indicators.cell
WHERE level = ANY ($12)
    AND ($1::text[] IS NULL OR unit = ANY ($1)) AND ($2::text[] IS NULL OR level = ANY ($2))
    AND ($3::text[] IS NULL OR indicator = ANY ($3)) AND ($4::text[] IS NULL OR calendar = ANY ($4))
    AND ($5::text[] IS NULL OR period = ANY ($5)) AND ($6::text[] IS NULL OR basis = ANY ($6))
    AND ($7::text IS NULL OR (unit, indicator, calendar, period, basis) > ($7, $8, $9, $10, $11))
    AND EXISTS (
        SELECT FROM indicators.rolled_revision AS revision
        WHERE revision.unit = cell.unit AND revision.indicator = cell.indicator
            AND revision.calendar = cell.calendar AND revision.period = cell.period
            AND revision.basis = cell.basis AND revision.effective AND revision.stamp <= $13)
ORDER BY unit, indicator, calendar, period, basis
LIMIT $14;
