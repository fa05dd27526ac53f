"""Alerts: declared rules, evaluated every few seconds by the io process, told by mail and webhook."""
