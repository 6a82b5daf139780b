"""``uwsgi-exporter``: read uWSGI's statistics and export them as metrics."""
