-- What a start needs: the installation's own row and the catalogue as tables.

-- name: first_start
WITH created AS (
    INSERT INTO indicators.installation (first_started_at) VALUES ($1)
    ON CONFLICT DO NOTHING
    RETURNING first_started_at
)
SELECT first_started_at FROM created
UNION ALL
SELECT first_started_at FROM indicators.installation
LIMIT 1;

-- The clock's own events begin with the first start: nothing closes or falls due in the past.
-- name: first_tick
INSERT INTO indicators.tick (tick, stamp, ended_through, due_through, closed_through)
VALUES (0, $1, $1, $1, $1)
ON CONFLICT DO NOTHING;

-- name: ensure_year
SELECT indicators.ensure_year($1);

-- name: lock_reference
SELECT pg_advisory_xact_lock(hashtextextended('chiso.indicators.reference', 0));

-- name: reference_version
SELECT catalogue_version FROM indicators.reference;

-- name: clear_reference
DELETE FROM indicators.reference;
DELETE FROM indicators.unit;
DELETE FROM indicators.indicator;
DELETE FROM indicators.period;
DELETE FROM indicators.period_part;
DELETE FROM indicators.obligation;
DELETE FROM indicators.target;

-- name: note_reference
INSERT INTO indicators.reference (catalogue_version, filled_at) VALUES ($1, $2);

-- name: append_reference
INSERT INTO indicators.dirty (kind, cells, changes) VALUES ('reference', 0, '[]');
