-- History is the outbox: the newest version of each key after the published position. The position is asked for
-- by itself, so that the index begins there; joined, all that was ever published would be read again.

-- name: pending_history
SELECT *
FROM indicators.rollup_history
WHERE (tick, ordinal) > (SELECT tick, ordinal FROM indicators.published WHERE topic = $1)
ORDER BY tick, ordinal
LIMIT $2;

-- name: advance_published
UPDATE indicators.published SET tick = $2, ordinal = $3
WHERE topic = $1 AND (tick, ordinal) < ($2, $3);

-- name: oldest_unpublished
SELECT updated_at
FROM indicators.rollup_history
WHERE (tick, ordinal) > (SELECT tick, ordinal FROM indicators.published WHERE topic = $1)
ORDER BY tick, ordinal
LIMIT 1;

-- name: pending_quarantine
SELECT topic, partition, log_offset, reason, detail, quarantined_at, record_key, value
FROM indicators.quarantine
WHERE published_at IS NULL
ORDER BY topic, partition, log_offset
LIMIT $1;

-- name: quarantine_published
UPDATE indicators.quarantine AS record
SET published_at = $1
FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS sent(topic, partition, log_offset)
WHERE record.topic = sent.topic AND record.partition = sent.partition AND record.log_offset = sent.log_offset;
