"""What people do to runs and locations, from a page or a terminal: done or refused with a remedy, and audited."""
