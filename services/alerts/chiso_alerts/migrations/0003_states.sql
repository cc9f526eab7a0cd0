-- A new version of an alert or of a rollup stays on its page and moves no index: which states a tick has changed is
-- kept with the tick, not found by an index on the alert. Rows of two or three kB are not compressed at every write.

ALTER TABLE tick_log ADD COLUMN states uuid[] NOT NULL DEFAULT '{}';
UPDATE tick_log SET states = ARRAY(SELECT alert_id FROM alert WHERE state_tick = tick ORDER BY alert_id);
DROP INDEX alert_state_tick;
ALTER TABLE alert SET (fillfactor = 60, toast_tuple_target = 8160);
ALTER TABLE rollup_seen SET (fillfactor = 60, toast_tuple_target = 8160);
ALTER TABLE alert_event SET (toast_tuple_target = 8160);
