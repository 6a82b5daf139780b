"""Which file of ``PROMETHEUS_MULTIPROC_DIR`` a process writes its metrics to.

The client library names the files by process id, so each respawned worker adds files and a scrape grows slower
for as long as the pod lives. uWSGI's workers have a slot (1…N) that a respawn inherits: named by slot, the files
stay as many as there are workers, and a counter goes on where the worker before it stopped.
"""

from prometheus_client import values


def use_worker_slots() -> None:
    """Name the metric files by uWSGI's worker slot. Call it before any metric exists.

    Outside uWSGI (``manage.py``, tests) it does nothing: metrics then stay in the process.
    """
    try:
        import uwsgi
    except ImportError:
        return
    values.ValueClass = values.MultiProcessValue(process_identifier=uwsgi.worker_id)
