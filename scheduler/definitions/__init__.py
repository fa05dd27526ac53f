"""Task definitions: files in and out, versions and what differs between them, switches and periodic starts."""
