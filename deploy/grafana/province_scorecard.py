"""The dashboard *Province scorecard*: one province, one indicator, and whether the machinery is well."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from panels import (
    POSTGRES,
    choice,
    choice_from_sql,
    curve,
    now,
    number,
    over_time,
    rows,
    sql,
    thresholds,
)

SERIES = '{province="$province",indicator="$indicator",calendar="$calendar",basis="$basis"}'
CHOSEN = (
    "calendar = ${calendar:sqlstring} AND basis = ${basis:sqlstring} AND indicator = ${indicator:sqlstring}"
)

APPLY_P99 = "histogram_quantile(0.99, sum by (le) (rate(chiso_apply_seconds_bucket[$__rate_interval])))"

PROVINCES = "SELECT code || ' · ' || name_vi AS __text, code AS __value FROM grafana.province ORDER BY code"
INDICATORS = """
    SELECT code || ' · ' || name_vi AS __text, code AS __value
    FROM grafana.indicator ORDER BY (code <> 'DVC.ONLINE_SUBMIT'), code
"""

EVERY_INDICATOR = """
    SELECT DISTINCT ON (indicator, basis)
        indicator_name_vi AS "indicator", period, basis, qualifier, value, target, attainment,
        n_reported || '/' || n_expected AS "reported", round(100 * completeness, 2) AS "completeness %",
        finality, status_colour AS status, updated_at
    FROM grafana.scorecard
    WHERE unit = ${province:sqlstring} AND calendar = ${calendar:sqlstring} AND value IS NOT NULL
    ORDER BY indicator, basis, period_end DESC, frequency
"""
TREND = f"""
    SELECT period_end AS time, value, target, 100 * completeness AS "completeness %"
    FROM grafana.scorecard
    WHERE unit = ${{province:sqlstring}} AND {CHOSEN} AND frequency = 'month'
        AND $__timeFilter(period_end)
    ORDER BY period_end
"""
EVERY_PROVINCE = f"""
    SELECT DISTINCT ON (unit)
        unit AS code, unit_name_vi AS "province", period, qualifier, value, target,
        n_reported || '/' || n_expected AS "reported", finality, status_colour AS status
    FROM grafana.scorecard
    WHERE level = 'province' AND {CHOSEN} AND value IS NOT NULL
    ORDER BY unit, period_end DESC, frequency
"""
FIRING = """
    SELECT severity, rule, indicator, calendar, period, basis, finality, value, target, opened_at
    FROM grafana.alert
    WHERE unit = ${province:sqlstring} AND state = 'FIRING'
    ORDER BY severity, opened_at DESC
"""


def dashboard() -> Dashboard:
    """The dashboard, ready to be built."""
    board = (
        Dashboard("Province scorecard")
        .uid("chiso-province-scorecard")
        .description(
            "Value against target with completeness and finality, alerts, trend; and the pipeline's health."
        )
        .tags(["chiso"])
        .timezone("Asia/Ho_Chi_Minh")
        .time("now-2y", "now")
        .refresh("30s")
        .readonly()
        .with_variable(choice_from_sql("province", "Province", PROVINCES))
        .with_variable(choice_from_sql("indicator", "Indicator", INDICATORS))
        .with_variable(choice("calendar", "Calendar", "administrative", "statistical"))
        .with_variable(choice("basis", "Basis", "in_period", "ytd", "as_of", "unstated"))
    )
    return _pipeline(_tables(_newest(board)))


def _newest(board: Dashboard) -> Dashboard:
    period_end = f"1000 * chiso_indicator_period_end_timestamp_seconds{SERIES}"
    against_target = over_time(f"chiso_indicator_value{SERIES}", "value")
    firing = 'sum by (severity) (chiso_alerts{province="$province",state="FIRING"})'
    return (
        board.with_row(Row("Newest ended period with a report"))
        .with_panel(number("Value", now(f"chiso_indicator_value{SERIES}", "value")))
        .with_panel(number("Target", now(f"chiso_indicator_target{SERIES}", "target")))
        .with_panel(
            number(
                "Completeness",
                now(f"chiso_indicator_completeness_ratio{SERIES}", "completeness"),
                "percentunit",
            ).thresholds(thresholds((None, "red"), (0.5, "yellow"), (0.8, "green")))
        )
        .with_panel(number("Period end", now(period_end, "period end"), "dateTimeAsIso", 6))
        .with_panel(
            number("Firing alerts", now(firing, "{{severity}}"), span=6).thresholds(
                thresholds((None, "green"), (1, "red"))
            )
        )
        .with_panel(
            curve(
                "Value against target, as it was shown",
                against_target,
                over_time(f"chiso_indicator_target{SERIES}", "target", "B"),
                span=12,
            )
        )
        .with_panel(
            Timeseries()
            .title("Trend by period")
            .datasource(POSTGRES)
            .with_target(sql(TREND, "time_series"))
            .span(12)
            .height(7)
        )
    )


def _tables(board: Dashboard) -> Dashboard:
    return (
        board.with_row(Row("Figures behind it"))
        .with_panel(rows("This province: every indicator, newest period", sql(EVERY_INDICATOR), height=11))
        .with_panel(
            rows("This indicator: every province, newest period", sql(EVERY_PROVINCE), span=12, height=11)
        )
        .with_panel(rows("Firing alerts of this province", sql(FIRING), span=12, height=11))
    )


def _pipeline(board: Dashboard) -> Dashboard:
    late = thresholds((None, "green"), (10, "yellow"), (60, "red"))
    wrong = thresholds((None, "green"), (1, "red"))
    waiting = "max(chiso_oldest_unapplied_seconds)"
    return (
        board.with_row(Row("Pipeline health"))
        .with_panel(number("Services up", now('sum(up{job=~"ingest|indicators|alerts"})', "up")))
        .with_panel(number("Oldest unapplied", now(waiting, "seconds"), "s").thresholds(late))
        .with_panel(
            number("Oldest unpublished", now("max(chiso_outbox_oldest_seconds)", "seconds"), "s").thresholds(
                late
            )
        )
        .with_panel(
            number("Alerts behind", now("max(chiso_alert_eval_lag_seconds)", "seconds"), "s").thresholds(late)
        )
        .with_panel(
            number("Rollups that drift", now("max(chiso_rollup_drift_rows)", "rows")).thresholds(wrong)
        )
        .with_panel(
            number("Quarantined", now("sum(chiso_quarantined_total) or vector(0)", "records")).thresholds(
                wrong
            )
        )
        .with_panel(
            curve(
                "Submissions a second",
                over_time("sum by (result) (rate(chiso_submissions_total[$__rate_interval]))", "{{result}}"),
            )
        )
        .with_panel(
            curve("Consumer lag", over_time("sum by (service) (chiso_consumer_lag_records)", "{{service}}"))
        )
        .with_panel(
            curve(
                "Accepted to applied, p99",
                over_time(
                    APPLY_P99,
                    "p99",
                ),
                unit="s",
            )
        )
    )
