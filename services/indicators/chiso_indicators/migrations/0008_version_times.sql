-- When what became readable: rollups that are not stored are read from their cells as of an instant.

-- The tick that took a change in, by its stamp.
ALTER TABLE rolled ADD COLUMN stamp timestamptz;
UPDATE rolled SET stamp = coalesce(
    (SELECT updated_at FROM rollup_history WHERE rollup_history.tick >= rolled.tick ORDER BY tick LIMIT 1),
    (SELECT stamp FROM tick));
ALTER TABLE rolled ALTER COLUMN stamp SET NOT NULL;

-- Of a submission, one report may be applied at once and another approved much later.
ALTER TABLE revision ADD COLUMN dirty_id bigint;
UPDATE revision SET dirty_id = submission.dirty_id
FROM submission
WHERE submission.agency = revision.agency AND submission.submission_id = revision.submission_id;

-- The marks of `tick` as they stood from a stamp on; before the first row as at the first start.
CREATE TABLE mark (
    stamp timestamptz PRIMARY KEY,
    ended_through timestamptz NOT NULL,
    due_through timestamptz NOT NULL,
    closed_through timestamptz NOT NULL,
    reopened jsonb NOT NULL
);
INSERT INTO mark (stamp, ended_through, due_through, closed_through, reopened)
SELECT installation.first_started_at, tick.ended_through, tick.due_through, tick.closed_through, tick.reopened
FROM tick, installation;

-- Revisions that compete for their cells, with the tick that took them in. `effective` ones won, and said
-- something new; each stands above those before it in the order of winning.
CREATE VIEW rolled_revision AS
SELECT revision.unit, revision.indicator, revision.calendar, revision.period, revision.basis, revision.agency,
    revision.submission_id, revision.revision, revision.accepted_at, revision.op, revision.status,
    revision.numerator, revision.denominator, revision.value, revision.value_high, revision.qualifier,
    revision.as_of, rolled.tick, rolled.stamp,
    CASE WHEN revision.basis IN ('as_of', 'unstated') THEN coalesce(revision.as_of, '0001-01-01')
        ELSE '0001-01-01' END AS order_date,
    revision.outcome = 'applied' AND coalesce(revision.outcome_reason, '')
        NOT IN ('approved, superseded', 'approved, unchanged') AS effective
FROM revision
JOIN rolled ON rolled.dirty_id = revision.dirty_id
WHERE revision.outcome IN ('applied', 'unchanged', 'superseded');
