"""Reading uWSGI's statistics and turning them into metrics: the parts of ``uwsgi_exporter.py``."""
