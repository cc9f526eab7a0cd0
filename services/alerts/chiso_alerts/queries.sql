-- Every statement of alerts, named; `$n` are its parameters. Runnable in psql with values put in.

-- name: ensure_offsets
INSERT INTO alerts.consumer_offset (topic, partition, next_offset)
SELECT $1, wanted.partition, 0
FROM unnest($2::integer[]) AS wanted (partition)
ORDER BY wanted.partition
ON CONFLICT DO NOTHING;

-- name: stored_offsets
SELECT partition, next_offset
FROM alerts.consumer_offset
WHERE topic = $1 AND partition = ANY ($2::integer[])
ORDER BY partition;

-- name: lock_tick
SELECT tick, stamp, catalogue_version
FROM alerts.tick
FOR UPDATE;

-- name: apply_offsets
-- The log is compacted, so a stored position may be followed by any higher offset, never by a lower one.
UPDATE alerts.consumer_offset AS stored
SET next_offset = batch.following
FROM unnest($2::integer[], $3::bigint[], $4::bigint[]) AS batch (partition, first, following)
WHERE stored.topic = $1 AND stored.partition = batch.partition AND stored.next_offset <= batch.first
RETURNING stored.partition;

-- name: see_rollups
INSERT INTO alerts.rollup_seen AS seen (unit, indicator, calendar, period, basis, version, phase, traceparent, body)
SELECT unit, indicator, calendar, period, basis, version, phase, traceparent, body::json
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[]
) AS batch (unit, indicator, calendar, period, basis, version, phase, traceparent, body)
ORDER BY unit COLLATE "C", indicator COLLATE "C", calendar COLLATE "C", period COLLATE "C", basis COLLATE "C"
ON CONFLICT (unit, indicator, calendar, period, basis) DO UPDATE
SET version = excluded.version, phase = excluded.phase, traceparent = excluded.traceparent, body = excluded.body
WHERE seen.version < excluded.version;

-- name: memories
SELECT alert_id, memory
FROM alerts.alert
WHERE alert_id = ANY ($1::uuid[])
ORDER BY alert_id;

-- name: put_alerts
INSERT INTO alerts.alert AS stored (
    alert_id, rule_id, unit, indicator, calendar, period, basis, level, province, state, severity, phase,
    finality, episode, sequence, rule_version, rollup_version, due_at, updated_at, memory, body, state_tick
)
SELECT
    alert_id, rule_id, unit, indicator, calendar, period, basis, level, province, state, severity, phase,
    finality, episode, sequence, rule_version, rollup_version, due_at, updated_at, memory::json, body::json,
    CASE WHEN published THEN $22::bigint END
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::integer[], $15::bigint[], $16::text[],
    $17::bigint[], $18::timestamptz[], $19::timestamptz[], $20::text[], $21::text[], $23::boolean[]
) AS batch (
    alert_id, rule_id, unit, indicator, calendar, period, basis, level, province, state, severity, phase,
    finality, episode, sequence, rule_version, rollup_version, due_at, updated_at, memory, body, published
)
ORDER BY alert_id
ON CONFLICT (alert_id) DO UPDATE
SET
    level = excluded.level, province = excluded.province, state = excluded.state, severity = excluded.severity,
    phase = excluded.phase, finality = excluded.finality, episode = excluded.episode,
    sequence = excluded.sequence, rule_version = excluded.rule_version,
    rollup_version = excluded.rollup_version, due_at = excluded.due_at, updated_at = excluded.updated_at,
    memory = excluded.memory, body = excluded.body,
    state_tick = coalesce(excluded.state_tick, stored.state_tick);

-- name: append_events
INSERT INTO alerts.alert_event (
    tick, ordinal, alert_id, sequence, transition, reason, ce_id, at, traceparent, body, explanation
)
SELECT $1, ordinal, alert_id, sequence, transition, reason, ce_id, at, traceparent, body::json, explanation::json
FROM unnest(
    $2::integer[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::text[],
    $10::text[], $11::text[]
) AS batch (ordinal, alert_id, sequence, transition, reason, ce_id, at, traceparent, body, explanation)
ORDER BY ordinal;

-- name: quarantine
INSERT INTO alerts.quarantined (
    topic, partition, log_offset, tick, reason, detail, record_key, value, quarantined_at
)
SELECT $1, partition, log_offset, $2, reason, detail, record_key, value, $3
FROM unnest($4::integer[], $5::bigint[], $6::text[], $7::text[], $8::bytea[], $9::bytea[])
    AS batch (partition, log_offset, reason, detail, record_key, value)
ORDER BY partition, log_offset
ON CONFLICT DO NOTHING;

-- name: finish_tick
WITH finished AS (
    UPDATE alerts.tick SET tick = $1, stamp = $2 RETURNING tick, stamp
)
INSERT INTO alerts.tick_log (tick, stamp, messages)
SELECT tick, stamp, $3 FROM finished WHERE $3 > 0;

-- name: due_alerts
SELECT alert.alert_id, alert.rule_id, alert.memory, seen.body, seen.traceparent
FROM alerts.alert
JOIN alerts.rollup_seen AS seen USING (unit, indicator, calendar, period, basis)
WHERE alert.due_at <= $1
ORDER BY alert.due_at, alert.alert_id
LIMIT $2;

-- name: next_due
SELECT min(due_at) FROM alerts.alert WHERE due_at IS NOT NULL;

-- name: live_alerts
SELECT alert.alert_id, alert.rule_id, seen.body, seen.traceparent
FROM alerts.alert
JOIN alerts.rollup_seen AS seen USING (unit, indicator, calendar, period, basis)
WHERE alert.state IN ('PENDING', 'FIRING', 'RECOVERING') AND alert.alert_id > $1
ORDER BY alert.alert_id
LIMIT $2;

-- name: open_rollups
SELECT unit, indicator, calendar, period, basis, body, traceparent
FROM alerts.rollup_seen
WHERE phase <> 'closed' AND (unit, indicator, calendar, period, basis) > ($1, $2, $3, $4, $5)
ORDER BY unit, indicator, calendar, period, basis
LIMIT $6;

-- name: set_catalogue_version
UPDATE alerts.tick SET catalogue_version = $1;

-- name: current_tick
SELECT tick, published_tick, catalogue_version FROM alerts.tick;

-- name: unpublished_ticks
SELECT log.tick, log.messages, tick.published_tick
FROM alerts.tick_log AS log, alerts.tick
WHERE log.tick > tick.published_tick
ORDER BY log.tick
LIMIT $1;

-- name: outbox_events
SELECT alert_id, sequence, transition, ce_id, at, traceparent, body
FROM alerts.alert_event
WHERE tick > $1 AND tick <= $2
ORDER BY tick, ordinal;

-- name: outbox_states
SELECT
    alert_id, rule_id, unit, indicator, calendar, period, basis, state, sequence, rollup_version, updated_at,
    state_tick, body
FROM alerts.alert
WHERE state_tick > $1 AND state_tick <= $2
ORDER BY state_tick, alert_id;

-- name: outbox_quarantined
SELECT topic, partition, log_offset, reason, detail, record_key, value, quarantined_at
FROM alerts.quarantined
WHERE tick > $1 AND tick <= $2
ORDER BY tick, topic, partition, log_offset;

-- name: advance
WITH advanced AS (
    UPDATE alerts.tick SET published_tick = greatest(published_tick, $1) RETURNING published_tick
)
DELETE FROM alerts.tick_log AS log USING advanced WHERE log.tick <= advanced.published_tick;

-- name: oldest_unpublished
SELECT min(log.stamp)
FROM alerts.tick_log AS log, alerts.tick
WHERE log.tick > tick.published_tick;

-- name: count_alerts
SELECT rule_id, coalesce(severity, '') AS severity, province, state, count(*) AS alerts
FROM alerts.alert
WHERE state <> 'INACTIVE'
GROUP BY rule_id, severity, province, state
ORDER BY rule_id, severity, province, state;

-- name: list_alerts
SELECT alert_id, period, body
FROM alerts.alert
WHERE
    (CASE WHEN $1::text[] IS NULL THEN state <> 'INACTIVE' ELSE state = ANY ($1) END)
    AND ($2::text[] IS NULL OR rule_id = ANY ($2))
    AND ($3::text[] IS NULL OR unit = ANY ($3))
    AND ($4::text[] IS NULL OR indicator = ANY ($4))
    AND ($5::text[] IS NULL OR period = ANY ($5))
    AND ($6::text[] IS NULL OR severity = ANY ($6))
    AND ($7::text[] IS NULL OR calendar = ANY ($7))
    AND ($8::text[] IS NULL OR basis = ANY ($8))
    AND ($9::text[] IS NULL OR level = ANY ($9))
    AND ($10::text IS NULL OR (period, alert_id) < ($10, $11::uuid))
ORDER BY period DESC, alert_id DESC
LIMIT $12;

-- name: one_alert
SELECT body FROM alerts.alert WHERE alert_id = $1;

-- name: events_of_alert
SELECT body FROM alerts.alert_event WHERE alert_id = $1 ORDER BY sequence;

-- name: explained_event
SELECT body, explanation
FROM alerts.alert_event
WHERE alert_id = $1 AND ($2::bigint IS NULL OR sequence = $2)
ORDER BY sequence DESC
LIMIT 1;

-- name: rollup_of_alert
SELECT alert.rule_id, seen.body
FROM alerts.alert
JOIN alerts.rollup_seen AS seen USING (unit, indicator, calendar, period, basis)
WHERE alert.alert_id = $1;
