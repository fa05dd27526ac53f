"""Django's MySQL backend with the connection pool of the web process (``base``)."""
