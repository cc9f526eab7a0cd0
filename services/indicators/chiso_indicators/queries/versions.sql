-- Rollups that are not stored, over time: what their cells said once a tick had taken it in.

-- name: moving_revisions
-- Every revision up to an instant that may have made a version. A loser can: where it was accepted before the
-- first report that counts, timeliness may differ.
WITH key AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS key(
        n integer, unit text, indicator text, calendar text, period text, basis text)
), competing AS (
    SELECT key.n, revision.period, revision.op, revision.accepted_at, revision.tick, revision.stamp,
        revision.effective,
        revision.effective AND row_number() OVER winning = 1 AS is_first,
        first_value(revision.accepted_at) OVER winning AS counts_from
    FROM key
    JOIN indicators.period_part AS part ON part.calendar = key.calendar AND part.period = key.period
    JOIN indicators.rolled_revision AS revision ON revision.unit = key.unit
        AND revision.indicator = key.indicator AND revision.calendar = key.calendar
        AND revision.period = part.part AND revision.basis = key.basis
    WINDOW winning AS (
        PARTITION BY key.n, revision.period
        ORDER BY revision.effective DESC, revision.order_date, revision.revision, revision.accepted_at,
            revision.submission_id, revision.agency)
)
SELECT n, period, op, accepted_at, tick, stamp, effective, is_first
FROM competing
WHERE stamp <= $2 AND (effective OR accepted_at < counts_from)
ORDER BY n, stamp;

-- name: cells_as_of
-- Cells as they stood at an instant, a unit of its own for each question: `unit` names it, `code` is the unit.
WITH asked AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS asked(
        unit text, code text, indicator text, calendar text, period text, basis text, at timestamptz)
), taken AS (
    SELECT asked.unit AS asked_unit, revision.*,
        min(revision.accepted_at) OVER (PARTITION BY asked.unit, revision.period) AS first_accepted_at
    FROM asked
    JOIN indicators.period_part AS part ON part.calendar = asked.calendar AND part.period = asked.period
    JOIN indicators.rolled_revision AS revision ON revision.unit = asked.code
        AND revision.indicator = asked.indicator AND revision.calendar = asked.calendar
        AND revision.period = part.part AND revision.basis = asked.basis
    WHERE revision.stamp <= asked.at
)
SELECT DISTINCT ON (taken.asked_unit, taken.period)
    taken.asked_unit AS unit, taken.indicator, taken.calendar, taken.period, taken.basis, cell.level,
    cell.parent, taken.op, taken.status, taken.numerator, taken.denominator, taken.value, taken.value_high,
    taken.qualifier, taken.as_of, taken.first_accepted_at
FROM taken
JOIN indicators.cell USING (unit, indicator, calendar, period, basis)
WHERE taken.effective
ORDER BY taken.asked_unit, taken.period, taken.order_date DESC, taken.revision DESC, taken.accepted_at DESC,
    taken.submission_id DESC, taken.agency DESC;

-- name: marks_at
SELECT asked.at, mark.ended_through, mark.due_through, mark.closed_through, mark.reopened
FROM unnest($1::timestamptz[]) AS asked(at)
JOIN LATERAL (
    SELECT * FROM indicators.mark WHERE mark.stamp <= asked.at ORDER BY mark.stamp DESC LIMIT 1
) AS mark ON true;

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
