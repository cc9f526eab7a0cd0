-- A rollup is found by its whole key through any of these, so no plan reads the rows of a whole period or indicator
-- to find one, not even before the first statistics. Without an index on the tick a new version of a row stays on
-- its page and moves no index; what a tick wrote is read from history.

DROP INDEX rollup_by_tick;
DROP INDEX rollup_by_period;
DROP INDEX rollup_by_indicator;
CREATE INDEX rollup_by_period ON rollup (calendar, period, unit, indicator, basis);
CREATE INDEX rollup_by_indicator ON rollup (indicator, calendar, period, basis, level, unit);
ALTER TABLE rollup SET (fillfactor = 60);
