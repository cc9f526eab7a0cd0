"""Panels and queries in the house's way, for every dashboard of chiso. Knows no dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions
from grafana_foundation_sdk.builders.dashboard import CustomVariable, QueryVariable, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery as PrometheusQuery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)

PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="chiso-prometheus")
POSTGRES: Final = DataSourceRef(type_val="grafana-postgresql-datasource", uid="chiso-postgres")
STATUS_COLOURS: Final = {"green": "green", "yellow": "yellow", "red": "red", "grey": "text"}


@dataclass(slots=True)
class PostgresQuery(Dataquery):
    """One SQL query; the SDK has none of its own for PostgreSQL."""

    sql: str
    shape: Literal["table", "time_series"]
    ref_id: str = "A"

    def to_json(self) -> dict[str, object]:
        """The target as Grafana's own editor writes it."""
        return {
            "datasource": POSTGRES,
            "editorMode": "code",
            "format": self.shape,
            "rawQuery": True,
            "rawSql": self.sql,
            "refId": self.ref_id,
        }


@dataclass(slots=True)
class _Built(Builder[Dataquery]):
    query: PostgresQuery

    def build(self) -> Dataquery:
        return self.query


def sql(text: str, shape: Literal["table", "time_series"] = "table") -> Builder[Dataquery]:
    """A query of the views in schema `grafana`."""
    return _Built(PostgresQuery("\n".join(line.strip() for line in text.strip().splitlines()), shape))


def now(expression: str, legend: str, ref_id: str = "A") -> PrometheusQuery:
    """PromQL for one instant."""
    return (
        PrometheusQuery()
        .datasource(PROMETHEUS)
        .expr(expression)
        .legend_format(legend)
        .ref_id(ref_id)
        .instant()
    )


def over_time(expression: str, legend: str, ref_id: str = "A") -> PrometheusQuery:
    """PromQL for a span."""
    return (
        PrometheusQuery().datasource(PROMETHEUS).expr(expression).legend_format(legend).ref_id(ref_id).range()
    )


def thresholds(*steps: tuple[float | None, str]) -> ThresholdsConfig:
    """Colours from a value on; the first step has no value."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=colour) for value, colour in steps])
    )


def number(title: str, query: PrometheusQuery, unit: str = "none", span: int = 4) -> Stat:
    """One number, large."""
    return (
        Stat()
        .title(title)
        .datasource(PROMETHEUS)
        .with_target(query)
        .unit(unit)
        .no_value("no data")
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .span(span)
        .height(4)
    )


def curve(title: str, *queries: PrometheusQuery, unit: str = "none", span: int = 8) -> Timeseries:
    """Series from Prometheus over the time that is looked at."""
    legend = (
        VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    panel = Timeseries().title(title).datasource(PROMETHEUS).unit(unit).legend(legend).span(span).height(7)
    for query in queries:
        panel = panel.with_target(query)
    return panel


def rows(title: str, query: Builder[Dataquery], span: int = 24, height: int = 9) -> Table:
    """A table from PostgreSQL; a column named `status` is coloured by its word."""
    mapping = {
        "type": "value",
        "options": {
            word: {"color": colour, "index": place}
            for place, (word, colour) in enumerate(STATUS_COLOURS.items())
        },
    }
    return (
        Table()
        .title(title)
        .datasource(POSTGRES)
        .with_target(query)
        .override_by_name(
            "status",
            [
                DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-background"}),
                DynamicConfigValue(id_val="mappings", value=[mapping]),
            ],
        )
        .span(span)
        .height(height)
    )


def choice_from_sql(name: str, label: str, text: str) -> QueryVariable:
    """A variable whose values are rows of `__text` and `__value`."""
    return (
        QueryVariable(name)
        .label(label)
        .datasource(POSTGRES)
        .query(" ".join(text.split()))
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(VariableSort.DISABLED)
    )


def choice(name: str, label: str, *values: str) -> CustomVariable:
    """A variable with fixed values."""
    return CustomVariable(name).label(label).values(",".join(values))
