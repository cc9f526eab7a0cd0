-- Keys of which the topic of rollups holds a newer version than an older database that came back: their next
-- versions begin above it, and what the topic has already is not told again. Kept: few, and history stays.

CREATE TABLE version_floor (
    unit code NOT NULL,
    indicator code NOT NULL,
    calendar code NOT NULL,
    period code NOT NULL,
    basis code NOT NULL,
    version integer NOT NULL,
    PRIMARY KEY (unit, indicator, calendar, period, basis)
);
