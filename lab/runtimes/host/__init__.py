"""The host runtime: the whole lab as processes of this machine, under supervisord."""
