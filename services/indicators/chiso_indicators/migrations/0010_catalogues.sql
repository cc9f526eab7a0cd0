-- What was readable stays readable, also when the catalogue changes: rollups that are not stored are made with the
-- catalogue that was in force when a tick looked at them. Each that ever was is kept, a file of it once.

CREATE TABLE seed_file (
    sha256 code PRIMARY KEY,
    content bytea NOT NULL
);

CREATE TABLE catalogue_file (
    catalogue_version code NOT NULL,
    name code NOT NULL,
    sha256 code NOT NULL REFERENCES seed_file,
    PRIMARY KEY (catalogue_version, name)
);

-- Every dirty row of kind `reference`, for ever: which rows a tick looked at again (empty: all that are not closed),
-- and the catalogue in force from that tick on. Dirty row 0 stands for the beginning.
CREATE TABLE looked_again (
    dirty_id bigint PRIMARY KEY,
    catalogue_version code NOT NULL,
    scope jsonb
);

-- With the year, by which revisions are partitioned.
CREATE OR REPLACE VIEW rolled_revision AS
SELECT revision.unit, revision.indicator, revision.calendar, revision.period, revision.basis, revision.agency,
    revision.submission_id, revision.revision, revision.accepted_at, revision.op, revision.status,
    revision.numerator, revision.denominator, revision.value, revision.value_high, revision.qualifier,
    revision.as_of, rolled.tick, rolled.stamp,
    CASE WHEN revision.basis IN ('as_of', 'unstated') THEN coalesce(revision.as_of, '0001-01-01')
        ELSE '0001-01-01' END AS order_date,
    revision.outcome = 'applied' AND coalesce(revision.outcome_reason, '')
        NOT IN ('approved, superseded', 'approved, unchanged') AS effective,
    revision.year
FROM revision
JOIN rolled ON rolled.dirty_id = revision.dirty_id
WHERE revision.outcome IN ('applied', 'unchanged', 'superseded');
