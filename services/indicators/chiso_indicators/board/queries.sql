-- Statements of the board; read-only.

-- name: coverage
-- Where there are figures of provinces and the nation, so that the page opens where something is to be seen.
SELECT calendar, basis, period, count(*)::integer AS rows
FROM indicators.rollup
WHERE level IN ('province', 'nation') AND value IS NOT NULL
GROUP BY calendar, basis, period
ORDER BY calendar, basis, period;
