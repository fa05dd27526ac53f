"""Texts of the theme that its package does not translate. Naming them here brings them into our catalogue.

Nothing imports this module; ``makemessages`` reads it.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext_lazy

TEXTS = (
    _("Add another %(model)s"),
    _("Add %(name)s"),
    _("After you've created a user, you’ll be able to edit more user options."),
    _(
        "Raw passwords are not stored, so there is no way to see this "
        "user’s password, but you can change the password using "
        '<a href="{}" class="text-primary-600 dark:text-primary-500">this form</a>.'
    ),
    _("All applications"),
    _("Apply Filters"),
    _("By %(filter_title)s"),
    _("Cancel"),
    _("Change selected %(model)s"),
    _("Choose file to upload"),
    _("Click to cancel"),
    _("Click to download"),
    _("Dark"),
    _("Date"),
    _("Delete selected %(model)s"),
    _("Expand row"),
    _("False"),
    _("Filters"),
    _("General"),
    _("Go back"),
    _("Light"),
    _("Loading more results..."),
    _("More actions"),
    _("Next"),
    _("No data"),
    _("No recent searches"),
    _("No results found"),
    _("No results matching your query"),
    _("Previous"),
    _("Recent searches"),
    _("Record picture"),
    _("Reset filters"),
    _("Return to site"),
    _("Run"),
    _("Search apps and models..."),
    _("Select action"),
    _("Select action to run"),
    _("Select all %(total_count)s %(module_name)s"),
    _("Select all rows"),
    _("Select record"),
    _("Submit"),
    _("System"),
    _("This item will be deleted."),
    _("This page yielded into no results. Create a new item or reset your filters."),
    _("Toggle password visibility"),
    _("True"),
    _("Type to search"),
    _("View selected %(model)s"),
    _("Welcome back to"),
    _("You have been successfully logged out from the administration"),
)
PLURALS = (
    ngettext_lazy("%(counter)s result", "%(counter)s results"),
    ngettext_lazy("entry", "entries"),
    ngettext_lazy(" Found %(counter)s result in %(time)s seconds ", " Found %(counter)s results in %(time)s seconds "),
)
