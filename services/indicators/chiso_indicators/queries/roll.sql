-- What Roll runs under the lock of `tick`. The three `sums_*` statements are the one definition of a rollup:
-- live ticks, the audit and reads of communes all use them.

-- name: peek
SELECT tick.*, EXISTS (SELECT FROM indicators.dirty) AS has_dirty,
    (SELECT min(end_at) FROM indicators.period WHERE end_at > tick.ended_through) AS next_end,
    (SELECT min(due_at_province) FROM indicators.period WHERE due_at_province > tick.due_through) AS next_due,
    (SELECT min(close_at) FROM indicators.period WHERE close_at > tick.closed_through) AS next_close
FROM indicators.tick;

-- Before the first snapshot of a transaction, so that it sees all that ticks before it have written.
-- name: keep_ticks_out
LOCK TABLE indicators.tick IN EXCLUSIVE MODE;

-- name: lock_tick
SELECT * FROM indicators.tick FOR UPDATE;

-- name: finish_tick
WITH moved AS (
    INSERT INTO indicators.mark (stamp, ended_through, due_through, closed_through, reopened)
    SELECT $2, $3, $4, $5, $6::jsonb FROM indicators.tick
    WHERE (ended_through, due_through, closed_through, reopened) IS DISTINCT FROM ($3, $4, $5, $6::jsonb)
)
UPDATE indicators.tick
SET tick = $1, stamp = $2, ended_through = $3, due_through = $4, closed_through = $5, reopened = $6::jsonb;

-- name: take_dirty
WITH waiting AS (
    SELECT id, sum(cells) OVER (ORDER BY id) - cells AS cells_before FROM indicators.dirty
), taken AS (
    DELETE FROM indicators.dirty
    WHERE id IN (SELECT id FROM waiting WHERE cells_before < $1)
    RETURNING id, kind, changes, scope
), noted AS (
    INSERT INTO indicators.rolled (dirty_id, tick, stamp) SELECT id, $2, $3 FROM taken ORDER BY id
)
SELECT kind, changes, scope FROM taken ORDER BY id;

-- Offsets and dirty rows of one snapshot: what is applied below these offsets is dirty up to this id, or rolled.
-- name: applied_up_to
SELECT partition, next_offset, coalesce((SELECT max(id) FROM indicators.dirty), 0) AS newest_dirty
FROM indicators.consumer_offset WHERE topic = $1;

-- name: dirty_up_to
SELECT EXISTS (SELECT FROM indicators.dirty WHERE id <= $1);

-- name: own_cells
WITH key AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS key(
        n integer, unit text, indicator text, calendar text, period text, basis text)
)
SELECT key.n, cell.op, cell.status, cell.numerator, cell.denominator, cell.value, cell.value_high,
    cell.qualifier, cell.as_of
FROM key
JOIN indicators.cell ON (cell.unit, cell.indicator, cell.calendar, cell.period, cell.basis)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis);

-- name: current_rollups
WITH key AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS key(
        n integer, unit text, indicator text, calendar text, period text, basis text)
)
SELECT rollup.*
FROM key
JOIN indicators.rollup ON (rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis);

-- A cell of a quarter or longer counts only for a unit that has no finer cell inside it, so nothing counts twice.
-- Parts that end before `since` are of another unit that had the code. A stock is that of the units which stand
-- below at the end of the period; of those that left it (rule `gone`: all of them) only the reports count.
-- What is the same for all cells of a part is looked up once for the part.
-- name: sums_from_cells
WITH key AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS key(
        n integer, unit text, indicator text, calendar text, period text, basis text,
        below boolean, rule text, listed boolean, since date, until date, only_level text)
), part AS MATERIALIZED (
    SELECT key.*, part.part, part.frequency, part.ends_on, indicator.is_ratio, period.due_at_commune,
        period.due_at_department, period.due_at_province, period.due_at_nation,
        ARRAY(
            SELECT obligation.level::text FROM indicators.obligation
            WHERE obligation.indicator = key.indicator AND obligation.calendar = key.calendar
                AND obligation.frequency = part.frequency AND obligation.basis = key.basis
                AND part.ends_on BETWEEN obligation.valid_from AND obligation.valid_to) AS obliged_levels
    FROM key
    JOIN indicators.period_part AS part ON part.calendar = key.calendar AND part.period = key.period
    JOIN indicators.period ON period.calendar = key.calendar AND period.code = part.part
    JOIN indicators.indicator ON indicator.code = key.indicator
    WHERE (part.part = key.period OR key.rule <> 'own') AND part.ends_on BETWEEN key.since AND key.until
), inside AS (
    SELECT part.n, part.rule, part.listed, part.below, part.since, part.until, part.frequency, part.ends_on,
        part.is_ratio, part.due_at_commune, part.due_at_department, part.due_at_province, part.due_at_nation,
        part.obliged_levels, cell.unit, cell.parent, cell.indicator, cell.calendar, cell.period, cell.basis,
        cell.level, cell.op, cell.status, cell.qualifier, cell.numerator, cell.denominator, cell.value,
        cell.first_accepted_at
    FROM part
    JOIN indicators.cell ON cell.unit = part.unit AND cell.indicator = part.indicator
        AND cell.calendar = part.calendar AND cell.period = part.part AND cell.basis = part.basis
    WHERE NOT part.below
    UNION ALL
    SELECT part.n, part.rule, part.listed, part.below, part.since, part.until, part.frequency, part.ends_on,
        part.is_ratio, part.due_at_commune, part.due_at_department, part.due_at_province, part.due_at_nation,
        part.obliged_levels, cell.unit, cell.parent, cell.indicator, cell.calendar, cell.period, cell.basis,
        cell.level, cell.op, cell.status, cell.qualifier, cell.numerator, cell.denominator, cell.value,
        cell.first_accepted_at
    FROM part
    JOIN indicators.cell ON cell.parent = part.unit AND cell.indicator = part.indicator
        AND cell.calendar = part.calendar AND cell.basis = part.basis AND cell.period = part.part
    WHERE part.below AND (part.only_level IS NULL OR cell.level = part.only_level)
), counted AS MATERIALIZED (
    SELECT * FROM inside
    WHERE frequency = 'month' OR NOT EXISTS (
        SELECT FROM indicators.period_part AS finer
        JOIN indicators.cell AS other ON other.unit = inside.unit AND other.indicator = inside.indicator
            AND other.calendar = inside.calendar AND other.period = finer.part AND other.basis = inside.basis
        WHERE finer.calendar = inside.calendar AND finer.period = inside.period
            AND finer.part <> inside.period AND other.op = 'report'
            AND (inside.below OR finer.ends_on >= inside.since))
), latest AS (
    SELECT DISTINCT ON (n, unit) n, unit, period
    FROM counted
    WHERE rule = 'last' AND op = 'report'
    ORDER BY n, unit, ends_on DESC
), judged AS MATERIALIZED (
    SELECT counted.n, counted.unit, counted.ends_on, counted.listed, counted.op = 'report' AS reported,
        counted.status = 'NA' AS not_applicable,
        counted.level = ANY (counted.obliged_levels) AS obliged,
        counted.rule = 'last' AS dated,
        CASE counted.rule WHEN 'gone' THEN false
            WHEN 'last' THEN (counted.n, counted.unit, counted.period) IN (SELECT n, unit, period FROM latest)
                AND (NOT counted.below OR EXISTS (
                    SELECT FROM indicators.unit
                    WHERE unit.code = counted.unit AND unit.parent = counted.parent
                        AND counted.until BETWEEN unit.valid_from AND unit.valid_to))
            ELSE true END AS chosen,
        counted.op = 'report' AND counted.status <> 'NA' AND counted.qualifier = 'eq'
            AND CASE WHEN is_ratio THEN counted.numerator IS NOT NULL AND counted.denominator IS NOT NULL
                ELSE counted.value IS NOT NULL END AS adds,
        CASE WHEN is_ratio THEN counted.numerator ELSE counted.value END AS numerator,
        CASE WHEN is_ratio THEN counted.denominator END AS denominator,
        counted.first_accepted_at <= CASE counted.level
            WHEN 'commune' THEN due_at_commune
            WHEN 'department' THEN due_at_department
            WHEN 'province' THEN due_at_province
            ELSE due_at_nation END AS on_time
    FROM counted
)
SELECT n,
    sum(numerator) FILTER (WHERE adds AND chosen) AS numerator,
    sum(denominator) FILTER (WHERE adds AND chosen) AS denominator,
    count(*) AS n_cells,
    count(*) FILTER (WHERE obliged AND reported) AS n_reported,
    count(*) FILTER (WHERE obliged AND reported AND (adds OR not_applicable)) AS n_contributing,
    count(*) FILTER (WHERE obliged AND reported AND on_time) AS n_on_time,
    count(*) FILTER (WHERE obliged AND reported AND NOT adds AND NOT not_applicable) AS n_percent_only,
    count(*) FILTER (WHERE reported AND NOT obliged) AS n_unexpected,
    count(*) FILTER (WHERE NOT reported) AS n_withdrawn,
    min(ends_on) FILTER (WHERE adds AND chosen AND dated) AS oldest_on,
    max(ends_on) FILTER (WHERE adds AND chosen AND dated) AS newest_on,
    array_agg(unit::text) FILTER (WHERE listed AND obliged AND reported) AS reporters
FROM judged
GROUP BY n;

-- A province over a longer period, for indicators that add up over time: its months, and the longer cells
-- of units that have nothing finer inside them.
-- name: sums_from_months
WITH key AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS key(
        n integer, unit text, indicator text, calendar text, period text, basis text, since date)
), made_of AS MATERIALIZED (
    SELECT asked.*, array_agg(part.part) FILTER (WHERE part.frequency = 'month') AS months,
        array_agg(part.part) FILTER (WHERE part.frequency <> 'month') AS longer
    FROM (SELECT DISTINCT calendar, period, since FROM key) AS asked
    JOIN indicators.period_part AS part ON part.calendar = asked.calendar AND part.period = asked.period
    WHERE part.ends_on >= asked.since
    GROUP BY asked.calendar, asked.period, asked.since
), whole AS MATERIALIZED (
    SELECT key.*, made_of.months, made_of.longer FROM key JOIN made_of USING (calendar, period, since)
), months AS (
    SELECT whole.n, rollup.numerator, rollup.denominator, rollup.n_reported, rollup.n_contributing,
        rollup.n_on_time, rollup.n_percent_only, rollup.n_unexpected, rollup.n_withdrawn
    FROM whole
    JOIN indicators.rollup ON rollup.unit = whole.unit AND rollup.indicator = whole.indicator
        AND rollup.calendar = whole.calendar AND rollup.period = ANY (whole.months) AND rollup.basis = whole.basis
), longer AS MATERIALIZED (
    SELECT whole.n, cell.*
    FROM whole
    JOIN indicators.cell ON cell.parent = whole.unit AND cell.indicator = whole.indicator
        AND cell.calendar = whole.calendar AND cell.basis = whole.basis AND cell.period = ANY (whole.longer)
    WHERE NOT EXISTS (
        SELECT FROM indicators.period_part AS finer
        JOIN indicators.cell AS other ON other.unit = cell.unit AND other.indicator = cell.indicator
            AND other.calendar = cell.calendar AND other.period = finer.part AND other.basis = cell.basis
        WHERE finer.calendar = cell.calendar AND finer.period = cell.period
            AND finer.part <> cell.period AND other.op = 'report')
), judged AS (
    SELECT longer.n, longer.op = 'report' AS reported, longer.status = 'NA' AS not_applicable,
        obligation.level IS NOT NULL AS obliged,
        longer.op = 'report' AND longer.status <> 'NA' AND longer.qualifier = 'eq'
            AND CASE WHEN indicator.is_ratio THEN longer.numerator IS NOT NULL AND longer.denominator IS NOT NULL
                ELSE longer.value IS NOT NULL END AS adds,
        CASE WHEN indicator.is_ratio THEN longer.numerator ELSE longer.value END AS numerator,
        CASE WHEN indicator.is_ratio THEN longer.denominator END AS denominator,
        longer.first_accepted_at <= CASE longer.level
            WHEN 'commune' THEN period.due_at_commune ELSE period.due_at_department END AS on_time
    FROM longer
    JOIN indicators.indicator ON indicator.code = longer.indicator
    JOIN indicators.period ON period.calendar = longer.calendar AND period.code = longer.period
    LEFT JOIN indicators.obligation ON obligation.level = longer.level
        AND obligation.indicator = longer.indicator AND obligation.calendar = longer.calendar
        AND obligation.frequency = period.frequency AND obligation.basis = longer.basis
        AND period.ends_on BETWEEN obligation.valid_from AND obligation.valid_to
), parts AS (
    SELECT * FROM months
    UNION ALL
    SELECT n,
        CASE WHEN adds THEN numerator END,
        CASE WHEN adds THEN denominator END,
        (obliged AND reported)::integer,
        (obliged AND reported AND (adds OR not_applicable))::integer,
        (obliged AND reported AND on_time)::integer,
        (obliged AND reported AND NOT adds AND NOT not_applicable)::integer,
        (reported AND NOT obliged)::integer,
        (NOT reported)::integer
    FROM judged
)
SELECT n, sum(numerator) AS numerator, sum(denominator) AS denominator,
    sum(n_reported) AS n_reported, sum(n_contributing) AS n_contributing, sum(n_on_time) AS n_on_time,
    sum(n_percent_only) AS n_percent_only, sum(n_unexpected) AS n_unexpected, sum(n_withdrawn) AS n_withdrawn,
    NULL::date AS oldest_on, NULL::date AS newest_on
FROM parts
GROUP BY n;

-- name: sums_from_provinces
WITH key AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS key(
        n integer, unit text, indicator text, calendar text, period text, basis text)
)
SELECT key.n, sum(rollup.numerator) AS numerator, sum(rollup.denominator) AS denominator,
    sum(rollup.n_reported) AS n_reported, sum(rollup.n_contributing) AS n_contributing,
    sum(rollup.n_on_time) AS n_on_time, sum(rollup.n_percent_only) AS n_percent_only,
    sum(rollup.n_unexpected) AS n_unexpected, sum(rollup.n_withdrawn) AS n_withdrawn,
    min(rollup.oldest_part_on) AS oldest_on, max(rollup.newest_part_on) AS newest_on
FROM key
JOIN indicators.rollup ON rollup.indicator = key.indicator AND rollup.calendar = key.calendar
    AND rollup.period = key.period AND rollup.basis = key.basis AND rollup.level = 'province'
GROUP BY key.n;

-- name: write_rollups
WITH given AS MATERIALIZED (
    SELECT * FROM json_populate_recordset(NULL::indicators.rollup_history, $1::json)
), current AS (
    INSERT INTO indicators.rollup
    SELECT unit, indicator, calendar, period, basis, level, numerator, denominator, value, value_source,
        not_aggregable, reported, discrepancy, n_expected, n_reported, n_contributing, n_on_time,
        n_percent_only, n_unexpected, n_withdrawn, completeness, timeliness, stale, status_colour, derived,
        phase, vintage, version, causes, target, attainment, missing, tick, ordinal, updated_at,
        catalogue_version, oldest_part_on, newest_part_on
    FROM given
    ORDER BY unit COLLATE "C", indicator COLLATE "C", calendar COLLATE "C", period COLLATE "C",
        basis COLLATE "C"
    ON CONFLICT (unit, indicator, calendar, period, basis) DO UPDATE SET
        (level, numerator, denominator, value, value_source, not_aggregable, reported, discrepancy,
            n_expected, n_reported, n_contributing, n_on_time, n_percent_only, n_unexpected, n_withdrawn,
            completeness, timeliness, stale, status_colour, derived, phase, vintage, version, causes, target,
            attainment, missing, tick, ordinal, updated_at, catalogue_version, oldest_part_on, newest_part_on)
        = (EXCLUDED.level, EXCLUDED.numerator, EXCLUDED.denominator, EXCLUDED.value, EXCLUDED.value_source,
            EXCLUDED.not_aggregable, EXCLUDED.reported, EXCLUDED.discrepancy, EXCLUDED.n_expected,
            EXCLUDED.n_reported, EXCLUDED.n_contributing, EXCLUDED.n_on_time, EXCLUDED.n_percent_only,
            EXCLUDED.n_unexpected, EXCLUDED.n_withdrawn, EXCLUDED.completeness, EXCLUDED.timeliness,
            EXCLUDED.stale, EXCLUDED.status_colour, EXCLUDED.derived, EXCLUDED.phase, EXCLUDED.vintage,
            EXCLUDED.version, EXCLUDED.causes, EXCLUDED.target, EXCLUDED.attainment, EXCLUDED.missing,
            EXCLUDED.tick, EXCLUDED.ordinal, EXCLUDED.updated_at, EXCLUDED.catalogue_version,
            EXCLUDED.oldest_part_on, EXCLUDED.newest_part_on)
)
INSERT INTO indicators.rollup_history SELECT * FROM given;

-- name: rollups_of_ended_periods
SELECT rollup.*
FROM indicators.period
JOIN indicators.rollup ON rollup.calendar = period.calendar AND rollup.period = period.code
WHERE period.end_at = $1 AND rollup.phase = 'open'
ORDER BY rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis;

-- name: rollups_of_closing_periods
SELECT rollup.*
FROM indicators.period
JOIN indicators.rollup ON rollup.calendar = period.calendar AND rollup.period = period.code
WHERE period.close_at = $1 AND rollup.phase <> 'closed'
ORDER BY rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis;

-- name: periods_due
SELECT calendar, code FROM indicators.period
WHERE due_at_province = $1 AND frequency = 'month'
ORDER BY calendar, code;

-- name: keys_in_scope
SELECT rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis
FROM indicators.rollup
JOIN indicators.period ON period.calendar = rollup.calendar AND period.code = rollup.period
WHERE ($1::text[] IS NULL OR rollup.unit = ANY ($1)) AND ($2::text IS NULL OR rollup.calendar = $2)
    AND ($3::text[] IS NULL OR rollup.period = ANY ($3)) AND ($4::date IS NULL OR period.ends_on >= $4)
    AND ($5::boolean OR rollup.phase <> 'closed')
ORDER BY rollup.unit, rollup.indicator, rollup.calendar, rollup.period, rollup.basis;

-- Months that fell due and are not closed: their obliged rows must exist, also those of new obligations and those
-- that fell due before the first start. So each of them has a close.
-- name: periods_owing
SELECT calendar, code FROM indicators.period
WHERE frequency = 'month' AND due_at_province <= $1 AND close_at > $2
ORDER BY calendar, code;
