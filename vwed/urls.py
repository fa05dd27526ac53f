"""Route table of the web process."""

urlpatterns: list = []
