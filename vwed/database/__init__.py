"""What the database bears: connections of the server, pools, the SQLite file, tables. For page, topic and command."""
