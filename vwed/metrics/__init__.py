"""``/metrics``: what the tables tell, in the text formats of Prometheus; right whichever web process is asked."""
