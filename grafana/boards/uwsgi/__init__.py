"""The uWSGI dashboard: worker load, listen queue, response times, restarts and resource usage."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.objectives import Objectives
from grafana.boards.uwsgi import exporter, requests, resources, restarts, workers


def build(objectives: Objectives) -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-uwsgi",
        title="uWSGI",
        description="Worker load, listen queue, response times, restarts and resource usage.",
        of='{__name__=~"uwsgi_up|pomar_workers_cpu_seconds_total"}',
        rows=(
            Row(
                "At a glance",
                (
                    exporter.status(),
                    workers.share_busy(),
                    workers.queued(),
                    requests.rate(),
                    requests.mean_time(objectives.latency),
                    restarts.harakiri_kills(),
                ),
            ),
            Row(
                "Workers",
                (
                    workers.busy_and_idle(),
                    workers.listen_queue(),
                    workers.utilization(),
                    workers.requests_by_worker(),
                    requests.uwsgi_and_application(),
                    workers.each_worker(),
                ),
            ),
            Row(
                "Response time and bytes",
                (requests.mean_and_documented_average(), requests.mean_and_cpu_time(), requests.bytes_sent()),
            ),
            Row("Failures and restarts", (restarts.starts_and_kills(), restarts.age(), restarts.exceptions())),
            Row(
                "Resource usage",
                (resources.memory_by_worker(), resources.memory_of_all(), resources.cpu(), resources.open_files()),
            ),
            Row(
                "Exporter",
                (
                    exporter.scrapes(),
                    exporter.scrape_duration(),
                    exporter.signals(),
                    exporter.last_scrape(),
                    exporter.since_counter_reset(),
                ),
            ),
        ),
    )
