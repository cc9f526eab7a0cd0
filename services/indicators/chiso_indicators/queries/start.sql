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

-- name: first_started_at
SELECT first_started_at FROM indicators.installation;

-- The clock's own events begin with the first start: nothing closes in the past, and what fell due then has rows
-- only while it is open (`periods_owing`).
-- name: first_tick
INSERT INTO indicators.tick (tick, stamp, ended_through, due_through, closed_through)
VALUES (0, $1, $1, $1, $1)
ON CONFLICT DO NOTHING;

-- name: ensure_year
SELECT indicators.ensure_year($1);

-- A change of the catalogue waits for whoever holds it, and then keeps all of them waiting.
-- name: lock_reference
SELECT pg_advisory_xact_lock(hashtextextended('chiso_reference', 0));

-- name: share_reference
SELECT pg_advisory_xact_lock_shared(hashtextextended('chiso_reference', 0));

-- A rebuild locks this table before all else; who does the same never waits for it with something in hand.
-- name: announce_operation
LOCK TABLE indicators.operation IN ROW EXCLUSIVE MODE;

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

-- name: is_known_catalogue
SELECT EXISTS (SELECT FROM indicators.catalogue_file WHERE catalogue_version = $1);

-- What the folder held before; null for one never seen.
-- name: put_seeds_folder
INSERT INTO indicators.seeds_folder AS stored (folder, catalogue_version) VALUES ($1, $2)
ON CONFLICT (folder) DO UPDATE SET catalogue_version = EXCLUDED.catalogue_version
RETURNING old.catalogue_version;

-- Rows that are not stored follow `looked_again`; the version in force must be noted before.
-- name: append_reference
WITH appended AS (
    INSERT INTO indicators.dirty (kind, cells, changes, scope) VALUES ('reference', 0, '[]', $1::jsonb)
    RETURNING id, scope
)
INSERT INTO indicators.looked_again (dirty_id, catalogue_version, scope)
SELECT appended.id, reference.catalogue_version, appended.scope FROM appended, indicators.reference;

-- name: unit_spans
SELECT code, valid_from, valid_to, level, parent FROM indicators.unit ORDER BY code, valid_from;

-- What rows are made of besides units and reports; compared before and after a change of the catalogue.
-- name: reference_digest
SELECT md5(concat_ws('|',
    (SELECT string_agg(row::text, '|' ORDER BY row::text COLLATE "C") FROM indicators.indicator AS row),
    (SELECT string_agg(row::text, '|' ORDER BY row::text COLLATE "C") FROM indicators.obligation AS row),
    (SELECT string_agg(row::text, '|' ORDER BY row::text COLLATE "C") FROM indicators.target AS row),
    (SELECT string_agg(row::text, '|' ORDER BY row::text COLLATE "C") FROM indicators.period AS row)));

-- name: move_cells
WITH standing AS MATERIALIZED (
    SELECT cell.unit, cell.indicator, cell.calendar, cell.period, cell.basis, unit.level, unit.parent,
        cell.level AS old_level, cell.parent AS old_parent
    FROM indicators.cell
    JOIN indicators.period ON period.calendar = cell.calendar AND period.code = cell.period
    JOIN indicators.unit ON unit.code = cell.unit AND period.ends_on BETWEEN unit.valid_from AND unit.valid_to
    WHERE cell.unit = ANY ($1::text[]) AND (cell.level, cell.parent) IS DISTINCT FROM (unit.level, unit.parent)
    ORDER BY cell.unit, cell.indicator, cell.calendar, cell.period, cell.basis
    FOR UPDATE OF cell
)
UPDATE indicators.cell
SET level = standing.level, parent = standing.parent
FROM standing
WHERE (cell.unit, cell.indicator, cell.calendar, cell.period, cell.basis)
    = (standing.unit, standing.indicator, standing.calendar, standing.period, standing.basis)
RETURNING cell.*, standing.old_level, standing.old_parent;
