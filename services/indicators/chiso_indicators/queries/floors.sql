-- Version floors: what the topic of rollups holds beyond this database (delivery, Restore).

-- name: noted_ends
SELECT partition, next_offset FROM indicators.consumer_offset WHERE topic = $1;

-- name: note_ends
INSERT INTO indicators.consumer_offset (topic, partition, next_offset)
SELECT $1, partition, next_offset
FROM unnest($2::integer[], $3::bigint[]) AS noted(partition, next_offset)
ORDER BY partition
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = EXCLUDED.next_offset;

-- name: raise_floors
WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS given(
        unit text, indicator text, calendar text, period text, basis text, version integer)
)
INSERT INTO indicators.version_floor AS held (unit, indicator, calendar, period, basis, version)
SELECT given.* FROM given
LEFT JOIN indicators.rollup USING (unit, indicator, calendar, period, basis)
WHERE rollup.version IS NULL OR rollup.version < given.version
ORDER BY given.unit COLLATE "C", given.indicator COLLATE "C", given.calendar COLLATE "C",
    given.period COLLATE "C", given.basis COLLATE "C"
ON CONFLICT (unit, indicator, calendar, period, basis) DO UPDATE
SET version = greatest(held.version, EXCLUDED.version)
RETURNING 1;

-- Followers of ticks and stamps must not see either go back.
-- name: raise_tick
UPDATE indicators.tick SET tick = greatest(tick, $1), stamp = greatest(stamp, $2);

-- name: has_floors
SELECT EXISTS (SELECT FROM indicators.version_floor);

-- name: floors_of
SELECT floor.unit, floor.indicator, floor.calendar, floor.period, floor.basis, floor.version
FROM json_to_recordset($1::json) AS key(
    n integer, unit text, indicator text, calendar text, period text, basis text)
JOIN indicators.version_floor AS floor
    ON (floor.unit, floor.indicator, floor.calendar, floor.period, floor.basis)
    = (key.unit, key.indicator, key.calendar, key.period, key.basis);
