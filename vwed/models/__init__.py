"""Rows of the web layer, one module per noun."""

from vwed.models.alerts import Alert, AlertDelivery, AlertRule
from vwed.models.monitoring import Growth, ProcessSample, ProcessSeries, SystemSample
from vwed.models.settings import SettingChange

__all__ = [
    "Alert",
    "AlertDelivery",
    "AlertRule",
    "Growth",
    "ProcessSample",
    "ProcessSeries",
    "SettingChange",
    "SystemSample",
]
