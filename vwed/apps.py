"""App configuration of the web layer."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConsoleAdminConfig(AdminConfig):
    """Django's admin with our site as its default."""

    default_site = "vwed.sites.ConsoleSite"


class VwedConfig(AppConfig):
    """Console, monitoring and tuning."""

    name = "vwed"
    verbose_name = "VWED"

    def ready(self) -> None:
        """Connect what has to know of the apps being loaded."""
        from scheduler import conf
        from vwed import roles
        from vwed.tuning.store import StoreSource

        roles.connect()
        conf.use(StoreSource())
