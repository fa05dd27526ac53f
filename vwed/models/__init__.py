"""Rows of the web layer, one module per noun."""

from vwed.models.alerts import Alert, AlertDelivery, AlertRule
from vwed.models.monitoring import Growth, ProcessSample, ProcessSeries, SystemSample
from vwed.models.settings import ChangeSet, ChangeState, Observation, SettingChange

__all__ = [
    "Alert",
    "AlertDelivery",
    "AlertRule",
    "ChangeSet",
    "ChangeState",
    "Growth",
    "Observation",
    "ProcessSample",
    "ProcessSeries",
    "SettingChange",
    "SystemSample",
]
