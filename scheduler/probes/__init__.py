"""Questions to a live process about its memory, asked and answered as rows: ``asking`` and ``answering``."""
