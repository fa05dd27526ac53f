"""Starts and guards the processes of a single machine, and ends all of them together."""
