"""The host runtime: the lab as processes on this machine, under supervisord."""
