"""Values that operators may change while the system runs: declared once, bounded, with a history."""
