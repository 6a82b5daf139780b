"""Reading uWSGI's statistics and turning them into metrics: ``uwsgi-exporter``."""
