-- The catalogue as tables, so that set-based statements and dashboards can join it. Filled at start, never edited.

CREATE TABLE reference (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    catalogue_version text NOT NULL,
    filled_at timestamptz NOT NULL
);

CREATE TABLE unit (
    code code NOT NULL,
    level code NOT NULL,
    parent code,
    type code NOT NULL,
    name_vi text NOT NULL,
    name_en text NOT NULL,
    h_code code,
    valid_from date NOT NULL,
    valid_to date NOT NULL,
    PRIMARY KEY (code, valid_from)
);
CREATE INDEX unit_by_parent ON unit (parent, level);

CREATE TABLE indicator (
    code code PRIMARY KEY,
    family code NOT NULL,
    kind code NOT NULL,
    is_ratio boolean NOT NULL,
    name_vi text NOT NULL,
    name_en text NOT NULL,
    factor numeric NOT NULL,
    decimals integer NOT NULL,
    direction code NOT NULL,
    time_aggregation code NOT NULL,
    space_aggregation code NOT NULL,
    source_level code NOT NULL
);

CREATE TABLE period (
    calendar code NOT NULL,
    code code NOT NULL,
    frequency code NOT NULL,
    year integer NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    end_at timestamptz NOT NULL,
    due_at_commune timestamptz NOT NULL,
    due_at_department timestamptz NOT NULL,
    due_at_province timestamptz NOT NULL,
    due_at_nation timestamptz NOT NULL,
    close_at timestamptz NOT NULL,
    PRIMARY KEY (calendar, code)
);
CREATE INDEX period_by_end ON period (end_at);
CREATE INDEX period_by_due ON period (due_at_province);
CREATE INDEX period_by_close ON period (close_at);

-- Which periods' cells a period is made of: itself, and the finer ones inside that tile it.
CREATE TABLE period_part (
    calendar code NOT NULL,
    period code NOT NULL,
    part code NOT NULL,
    frequency code NOT NULL,
    ends_on date NOT NULL,
    PRIMARY KEY (calendar, period, part)
);

CREATE TABLE obligation (
    level code NOT NULL,
    indicator code NOT NULL,
    calendar code NOT NULL,
    frequency code NOT NULL,
    basis code NOT NULL,
    valid_from date NOT NULL,
    valid_to date NOT NULL,
    PRIMARY KEY (level, indicator, calendar, frequency, basis, valid_from)
);

CREATE TABLE target (
    indicator code NOT NULL,
    unit code NOT NULL,
    period code NOT NULL,
    basis code NOT NULL,
    comparator code NOT NULL,
    value numeric NOT NULL,
    exit_value numeric NOT NULL,
    severity code NOT NULL,
    version code NOT NULL,
    PRIMARY KEY (indicator, unit, period, basis, version)
);
