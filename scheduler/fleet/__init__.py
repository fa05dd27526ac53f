"""The robot fleet seen from here: an HTTP client whose answers are values, a breaker, and orders as they are shown."""
