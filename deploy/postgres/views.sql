-- What Grafana may see: views over the services' tables, and a role that may read them and nothing else.
-- Run after the services have migrated, by a role that may read their schemas; again after every upgrade.
-- The schema holds views only, so it is made anew each time, in one transaction. Plain SQL: any client can run it.

BEGIN;

DROP SCHEMA IF EXISTS grafana CASCADE;
CREATE SCHEMA grafana;

CREATE VIEW grafana.province AS
SELECT code, name_vi, name_en
FROM indicators.unit
WHERE level = 'province' AND valid_to >= current_date
ORDER BY code;

CREATE VIEW grafana.indicator AS
SELECT code, family, kind, name_vi, name_en
FROM indicators.indicator
ORDER BY code;

-- Rollups of provinces and the nation, with their names, target and finality. `value` must be read with `qualifier`.
CREATE VIEW grafana.scorecard AS
SELECT
    rollup.unit,
    unit.name_vi AS unit_name_vi,
    unit.name_en AS unit_name_en,
    rollup.level,
    rollup.indicator,
    indicator.name_vi AS indicator_name_vi,
    indicator.name_en AS indicator_name_en,
    indicator.family,
    rollup.calendar,
    rollup.period,
    period.frequency,
    period.end_at AS period_end,
    rollup.basis,
    rollup.value,
    CASE WHEN rollup.value_source = 'computed' THEN 'eq' ELSE coalesce(rollup.reported ->> 'qualifier', 'eq') END
        AS qualifier,
    rollup.value_source,
    (rollup.target ->> 'value')::numeric AS target,
    rollup.attainment,
    rollup.n_expected,
    rollup.n_reported,
    rollup.completeness,
    rollup.timeliness,
    rollup.status_colour,
    rollup.phase,
    CASE
        WHEN rollup.phase <> 'closed' THEN 'provisional'
        WHEN rollup.vintage > 1 THEN 'restated'
        ELSE 'final'
    END AS finality,
    rollup.vintage,
    rollup.version,
    rollup.updated_at
FROM indicators.rollup
JOIN indicators.period ON period.calendar = rollup.calendar AND period.code = rollup.period
JOIN indicators.indicator ON indicator.code = rollup.indicator
LEFT JOIN LATERAL (
    SELECT name_vi, name_en
    FROM indicators.unit
    WHERE unit.code = rollup.unit AND unit.valid_from <= period.ends_on AND unit.valid_to >= period.ends_on
    ORDER BY unit.valid_from DESC
    LIMIT 1
) AS unit ON true
WHERE rollup.level IN ('province', 'nation');

-- Communes and departments that were obliged to report and have not, from the due day on.
CREATE VIEW grafana.missing_unit AS
SELECT
    rollup.unit AS province,
    rollup.indicator,
    rollup.calendar,
    rollup.period,
    rollup.basis,
    missing.code AS unit
FROM indicators.rollup
CROSS JOIN LATERAL unnest(rollup.missing) AS missing (code)
WHERE rollup.level = 'province';

-- The present state of every alert of a province or the nation, and what happened to it.
CREATE VIEW grafana.alert AS
SELECT
    alert_id,
    rule_id AS rule,
    unit,
    level,
    indicator,
    calendar,
    period,
    basis,
    state,
    severity,
    phase,
    finality,
    episode,
    (body #>> '{reading,value}')::numeric AS value,
    body #>> '{reading,qualifier}' AS qualifier,
    (body #>> '{target,value}')::numeric AS target,
    (body ->> 'opened_at')::timestamptz AS opened_at,
    (body ->> 'resolved_at')::timestamptz AS resolved_at,
    updated_at
FROM alerts.alert
WHERE level IN ('province', 'nation');

CREATE VIEW grafana.alert_event AS
SELECT
    alert.rule_id AS rule,
    alert.unit,
    alert.indicator,
    alert.calendar,
    alert.period,
    alert.basis,
    event.sequence,
    event.transition,
    event.reason,
    event.body ->> 'severity' AS severity,
    event.body ->> 'message' AS message,
    event.body ->> 'message_vi' AS message_vi,
    event.at
FROM alerts.alert_event AS event
JOIN alerts.alert USING (alert_id)
WHERE alert.level IN ('province', 'nation');

GRANT USAGE ON SCHEMA grafana TO grafana_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA grafana TO grafana_reader;

COMMIT;
