"""``python -m vwed.demo``: the trickle as a process, until SIGTERM. Supervised by ``manage.py console --demo``."""

from __future__ import annotations

import random
import signal
import threading

import django

if __name__ == "__main__":
    django.setup()
    # Needs the apps.
    from vwed.demo import trickle

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    trickle.run(stop, random.Random())  # noqa: S311 - not a secret
