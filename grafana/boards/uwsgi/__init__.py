"""uWSGI: how busy its workers are and who waits for one, how long they take, how they die, and what they cost."""

from grafana.boards.dashboard import Dashboard, Row
from grafana.boards.objectives import Objectives
from grafana.boards.uwsgi import exporter, requests, resources, restarts, workers


def build(objectives: Objectives) -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="pomar-uwsgi",
        title="uWSGI",
        description="The workers: how busy they are, who waits for one, how long they take, how they die, what they"
        " cost.",
        of='{__name__=~"uwsgi_up|pomar_workers_cpu_seconds_total"}',
        rows=(
            Row(
                "Now",
                (
                    exporter.reached(),
                    workers.share_busy(),
                    workers.waiting(),
                    requests.rate(),
                    requests.mean_time(objectives.latency),
                    restarts.killed(),
                ),
            ),
            Row(
                "Workers",
                (
                    workers.busy_and_idle(),
                    workers.listen_queue(),
                    workers.time_worked(),
                    workers.requests_by_worker(),
                    requests.counted_twice(),
                    workers.each_worker(),
                ),
            ),
            Row("Time and bytes", (requests.true_and_documented_mean(), requests.on_the_cpu(), requests.bytes_sent())),
            Row("Failures and restarts", (restarts.starts_and_kills(), restarts.age(), restarts.exceptions())),
            Row(
                "What they cost",
                (resources.memory_by_worker(), resources.memory_of_all(), resources.cpu(), resources.open_files()),
            ),
            Row(
                "Who counts",
                (
                    exporter.looks(),
                    exporter.time_of_a_look(),
                    exporter.signals(),
                    exporter.last_look(),
                    exporter.counting_since(),
                ),
            ),
        ),
    )
