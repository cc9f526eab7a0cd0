-- Which parts of a longer period the reports stem from that are added as a stock; `stale` where they differ.

ALTER TABLE rollup ADD COLUMN oldest_part_on date, ADD COLUMN newest_part_on date;
ALTER TABLE rollup_history ADD COLUMN oldest_part_on date, ADD COLUMN newest_part_on date;

-- A store that has rows already looks at its longer periods again, closed ones too: those around the merger of
-- 2025 held months of former units, and none of them says which parts it is made of.
INSERT INTO dirty (kind, cells, changes, scope)
SELECT 'reference', 0, '[]', jsonb_build_object('cause', 'reference', 'periods', jsonb_agg(code), 'closed', true)
FROM (
    SELECT DISTINCT period.code
    FROM rollup
    JOIN period ON period.calendar = rollup.calendar AND period.code = rollup.period
    WHERE period.frequency <> 'month'
) AS longer
HAVING count(*) > 0;
