"""A warehouse to look at: locations, robots, definitions and a trickle of runs. Never part of a real installation."""
