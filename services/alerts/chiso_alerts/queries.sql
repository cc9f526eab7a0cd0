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
-- An alert may have a floor and no memory: an older database came back (delivery, Restore).
SELECT wanted.alert_id, alert.memory, floor.sequence AS floor_sequence, floor.episode AS floor_episode
FROM unnest($1::uuid[]) AS wanted (alert_id)
LEFT JOIN alerts.alert USING (alert_id)
LEFT JOIN alerts.sequence_floor AS floor USING (alert_id)
WHERE alert.alert_id IS NOT NULL OR floor.alert_id IS NOT NULL
ORDER BY wanted.alert_id;

-- name: put_alerts
INSERT INTO alerts.alert AS stored (
    alert_id, rule_id, unit, indicator, calendar, period, basis, level, province, state, severity, phase,
    finality, episode, sequence, rule_version, rollup_version, due_at, updated_at, memory, body, state_tick,
    suppressed, resolved_at, input
)
SELECT
    alert_id, rule_id, unit, indicator, calendar, period, basis, level, province, state, severity, phase,
    finality, episode, sequence, rule_version, rollup_version, due_at, updated_at, memory::json, body::json,
    CASE WHEN published THEN $25::bigint END, suppressed, resolved_at, input::json
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::integer[], $15::bigint[], $16::text[],
    $17::bigint[], $18::timestamptz[], $19::timestamptz[], $20::text[], $21::text[], $22::boolean[],
    $23::timestamptz[], $24::text[], $26::boolean[]
) AS batch (
    alert_id, rule_id, unit, indicator, calendar, period, basis, level, province, state, severity, phase,
    finality, episode, sequence, rule_version, rollup_version, due_at, updated_at, memory, body, suppressed,
    resolved_at, input, published
)
ORDER BY alert_id
ON CONFLICT (alert_id) DO UPDATE
SET
    level = excluded.level, province = excluded.province, state = excluded.state, severity = excluded.severity,
    phase = excluded.phase, finality = excluded.finality, episode = excluded.episode,
    sequence = excluded.sequence, rule_version = excluded.rule_version,
    rollup_version = excluded.rollup_version, due_at = excluded.due_at, updated_at = excluded.updated_at,
    memory = excluded.memory, body = excluded.body, suppressed = excluded.suppressed,
    resolved_at = excluded.resolved_at, input = excluded.input,
    forgotten = stored.forgotten AND stored.sequence = excluded.sequence,
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
INSERT INTO alerts.tick_log (tick, stamp, messages, states)
SELECT tick, stamp, $3, $4 FROM finished WHERE $3 > 0;

-- name: due_alerts
SELECT alert.alert_id, alert.rule_id, coalesce(seen.body, alert.input) AS body, seen.traceparent
FROM alerts.alert
LEFT JOIN alerts.rollup_seen AS seen USING (unit, indicator, calendar, period, basis)
WHERE alert.due_at <= $1
ORDER BY alert.due_at, alert.alert_id
LIMIT $2;

-- name: next_due
SELECT min(due_at) FROM alerts.alert WHERE due_at IS NOT NULL;

-- name: live_alerts
SELECT alert.alert_id, alert.rule_id, coalesce(seen.body, alert.input) AS body, seen.traceparent
FROM alerts.alert
LEFT JOIN alerts.rollup_seen AS seen USING (unit, indicator, calendar, period, basis)
WHERE alert.state IN ('PENDING', 'FIRING', 'RECOVERING') AND alert.alert_id > $1
ORDER BY alert.alert_id
LIMIT $2;

-- name: open_rollups
SELECT unit, indicator, calendar, period, basis, body, traceparent
FROM alerts.rollup_seen
WHERE phase <> 'closed' AND (unit, indicator, calendar, period, basis) > ($1, $2, $3, $4, $5)
ORDER BY unit, indicator, calendar, period, basis
LIMIT $6;

-- name: place_alerts
UPDATE alerts.alert AS stored
SET province = batch.province
FROM unnest($1::uuid[], $2::text[]) AS batch (alert_id, province)
WHERE stored.alert_id = batch.alert_id AND stored.province <> batch.province;

-- name: set_catalogue_version
UPDATE alerts.tick SET catalogue_version = $1;

-- name: current_tick
SELECT tick, published_tick, catalogue_version FROM alerts.tick;

-- name: unpublished_ticks
SELECT log.tick, log.messages, log.states, tick.published_tick
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
-- One that was forgotten is published as if it were INACTIVE: a tombstone. What a later tick has changed is shown
-- with that tick.
SELECT
    alert_id, rule_id, unit, indicator, calendar, period, basis, sequence, rollup_version, updated_at,
    state_tick, body, CASE WHEN forgotten THEN 'INACTIVE' ELSE state END AS state
FROM alerts.alert
WHERE alert_id = ANY ($1::uuid[]) AND state_tick <= $2
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
WHERE state <> 'INACTIVE' AND NOT forgotten
GROUP BY rule_id, severity, province, state
ORDER BY rule_id, severity, province, state;

-- name: list_alerts
SELECT alert_id, period, body
FROM alerts.alert
WHERE
    (CASE WHEN $1::text[] IS NULL THEN state <> 'INACTIVE' ELSE state = ANY ($1) END)
    AND NOT forgotten
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
SELECT alert.rule_id, coalesce(seen.body, alert.input) AS body
FROM alerts.alert
LEFT JOIN alerts.rollup_seen AS seen USING (unit, indicator, calendar, period, basis)
WHERE alert.alert_id = $1;

-- name: seen_rollups
SELECT seen.body, seen.traceparent
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS wanted (unit, indicator, calendar, period, basis)
JOIN alerts.rollup_seen AS seen USING (unit, indicator, calendar, period, basis);

-- name: missing_alerts
-- The units of each province that have an alert about that dataset and period already.
SELECT wanted.ordinality, alert.unit
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    WITH ORDINALITY AS wanted (rule_id, province, indicator, calendar, period, basis, ordinality)
JOIN alerts.alert USING (rule_id, province, indicator, calendar, period, basis)
ORDER BY wanted.ordinality, alert.unit;

-- name: first_started_at
INSERT INTO alerts.installation (first_started_at) VALUES ($1)
ON CONFLICT (only_row) DO UPDATE SET only_row = true
RETURNING first_started_at;

-- name: put_first_started_at
INSERT INTO alerts.installation AS stored (first_started_at) VALUES ($1)
ON CONFLICT (only_row) DO UPDATE SET first_started_at = least(stored.first_started_at, excluded.first_started_at);

-- name: running_silences
SELECT matchers, starts_at, ends_at
FROM alerts.silence
WHERE ends_at > $1
ORDER BY silence_id;

-- name: running_acknowledgements
SELECT taken.alert_id, taken.episode, taken.until
FROM alerts.acknowledgement AS taken
JOIN alerts.alert USING (alert_id)
WHERE alert.episode = taken.episode AND (taken.until IS NULL OR taken.until > $1);

-- name: next_quiet_change
-- The first instant after $1 at which a silence begins or ends, or an acknowledgement runs out.
SELECT min(instant)
FROM (
    SELECT starts_at AS instant FROM alerts.silence WHERE ends_at > $1
    UNION ALL
    SELECT ends_at FROM alerts.silence WHERE ends_at > $1
    UNION ALL
    SELECT until FROM alerts.acknowledgement WHERE until > $1
) AS change
WHERE instant > $1;

-- name: standing_alerts
SELECT
    alert_id, rule_id, unit, indicator, calendar, period, basis, province, severity, episode, suppressed
FROM alerts.alert
WHERE state IN ('PENDING', 'FIRING', 'RECOVERING')
ORDER BY alert_id;

-- name: mark_suppressed
UPDATE alerts.alert
SET
    suppressed = batch.suppressed, state_tick = $3,
    body = (body::jsonb || jsonb_build_object('suppressed', batch.suppressed))::json
FROM unnest($1::uuid[], $2::boolean[]) AS batch (alert_id, suppressed)
WHERE alert.alert_id = batch.alert_id;

-- name: add_operation
INSERT INTO alerts.operation (operation_id, tick, operation, subject, author, reason, at, details)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::json)
ON CONFLICT (operation_id) DO NOTHING
RETURNING operation_id;

-- name: put_acknowledgement
INSERT INTO alerts.acknowledgement AS stored (alert_id, episode, until, author, reason, at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (alert_id) DO UPDATE
SET
    episode = excluded.episode, until = excluded.until, author = excluded.author, reason = excluded.reason,
    at = excluded.at
WHERE stored.at <= excluded.at;

-- name: put_silence
-- An end is the same silence with an earlier end; `ended_by` says whose.
INSERT INTO alerts.silence AS stored (
    silence_id, matchers, starts_at, ends_at, author, reason, created_at, ended_by
)
VALUES ($1, $2::json, $3, $4, $5, $6, $7, $8)
ON CONFLICT (silence_id) DO UPDATE
SET ends_at = least(stored.ends_at, excluded.ends_at), ended_by = coalesce(stored.ended_by, excluded.ended_by);

-- name: put_task_done
INSERT INTO alerts.task_done (task_id, done_on, author, reason, at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (task_id) DO NOTHING;

-- name: tasks_done
SELECT task_id, done_on, author, reason, at FROM alerts.task_done ORDER BY task_id;

-- name: one_silence
SELECT silence_id, matchers, starts_at, ends_at, author, reason, created_at, ended_by
FROM alerts.silence
WHERE silence_id = $1;

-- name: list_silences
SELECT silence_id, matchers, starts_at, ends_at, author, reason, created_at, ended_by
FROM alerts.silence
WHERE $1 OR ends_at > $2
ORDER BY ends_at DESC, silence_id
LIMIT $3;

-- name: alert_for_decision
SELECT alert_id, unit, indicator, period, calendar, state, episode FROM alerts.alert WHERE alert_id = $1;

-- name: states_of_tasks
SELECT indicator AS task_id, alert_id, state, severity, suppressed FROM alerts.alert WHERE rule_id = $1;

-- name: known_acknowledgement
-- A decision of that id, and whether it is the one that stands.
SELECT operation.at, operation.at = taken.at AS stands
FROM alerts.operation
JOIN alerts.acknowledgement AS taken ON taken.alert_id = $2
WHERE operation.operation_id = $1;

-- name: outbox_operations
SELECT operation_id, operation, subject, author, reason, at, details
FROM alerts.operation
WHERE tick > $1 AND tick <= $2
ORDER BY tick, at, operation_id;

-- name: forget_resolved
UPDATE alerts.alert
SET forgotten = true, state_tick = $2
WHERE alert_id IN (
    SELECT alert_id
    FROM alerts.alert
    WHERE state = 'RESOLVED' AND NOT forgotten AND resolved_at < $1
    ORDER BY resolved_at, alert_id
    LIMIT $3
)
RETURNING alert_id;

-- name: raise_floors
-- Alerts that the state topic knows further on than this database: their counters go on from there.
INSERT INTO alerts.sequence_floor AS stored (alert_id, sequence, episode)
SELECT batch.alert_id, batch.sequence, batch.episode
FROM unnest($1::uuid[], $2::bigint[], $3::integer[]) AS batch (alert_id, sequence, episode)
LEFT JOIN alerts.alert USING (alert_id)
WHERE coalesce(alert.sequence, 0) < batch.sequence
ORDER BY batch.alert_id
ON CONFLICT (alert_id) DO UPDATE
SET sequence = greatest(stored.sequence, excluded.sequence), episode = greatest(stored.episode, excluded.episode)
RETURNING alert_id;

-- name: put_marks
INSERT INTO alerts.consumer_offset (topic, partition, next_offset)
SELECT $1, partition, next_offset
FROM unnest($2::integer[], $3::bigint[]) AS batch (partition, next_offset)
ORDER BY partition
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset;
