-- The self-audit reads one snapshot: rows, cells and what is still dirty belong together.

-- name: pending_dirty
SELECT kind, changes FROM indicators.dirty ORDER BY id;

-- Whether a tick has still to look at rows that no changed cell names.
-- name: pending_everywhere
SELECT EXISTS (SELECT FROM indicators.dirty WHERE kind <> 'cells');

-- name: rollups_after
SELECT * FROM indicators.rollup
WHERE (unit, indicator, calendar, period, basis) > ($1, $2, $3, $4, $5)
ORDER BY unit, indicator, calendar, period, basis
LIMIT $6;

-- name: note_audit
INSERT INTO indicators.audit (at, checked, drift_rows, pending, seconds, drift, scope)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7);

-- name: last_audit
SELECT at, checked, drift_rows, pending, seconds, drift, scope FROM indicators.audit ORDER BY id DESC LIMIT 1;
