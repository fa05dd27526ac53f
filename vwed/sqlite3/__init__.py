"""Django's SQLite backend, with a shorter way to the write lock (``base``)."""
