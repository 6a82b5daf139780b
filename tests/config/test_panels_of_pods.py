"""Test that panels are right for a shop that runs as several pods: run their queries on series of one pod and two."""

import json
import subprocess
from pathlib import Path

import pytest

from lab.dashboards import answers, model
from lab.dashboards.span import Span
from tests.programs import FOR_PROMTOOL, program

#: The start and end of the series in seconds, and the time range that the panels show.
LAST = 300
SPAN = Span(0, LAST)
#: Each series of two pods: the job, the metric, its other labels, and its values in promtool's notation.
PODS = [
    ("django", "django_migrations_unapplied_total", {"connection": "default"}, ("2x60", "2x60")),
    ("django", "django_migrations_applied_total", {"connection": "default"}, ("30x60", "30x60")),
    ("django", "pomar_products_sold_out", {}, ("3x60", "3x60")),
    ("django", "pomar_stock_units", {"category": "juice"}, ("600x60", "600x60")),
    ("django", "pomar_items_sold_total", {"category": "juice"}, ("0+10x60", "0+20x60")),
    ("django", "pomar_database_up", {}, ("1x60", "0x1 0x60")),
    ("django", "pomar_counters_start_time_seconds", {}, ("-100x60", "-40x60")),
    ("django", "pomar_worker_resident_memory_bytes", {"worker_id": "1"}, ("7x60", "7x60")),
    ("django", "django_http_requests_before_middlewares_total", {}, ("0+50x60", "0+25x60")),
    ("django", "django_db_execute_total", {"alias": "default"}, ("0+50x60", "0+100x60")),
    ("uwsgi", "uwsgi_worker_busy", {"worker_id": "1"}, ("1x60", "0x1 0x60")),
    ("uwsgi", "uwsgi_worker_running_time_seconds", {"worker_id": "1"}, ("0+3.75x60", "0+1x60")),
    ("uwsgi", "uwsgi_workers", {}, ("1x60", "1x60")),
    ("uwsgi", "uwsgi_listen_queue_length", {}, ("75x60", "5x60")),
    ("uwsgi", "uwsgi_socket_queue_length", {"name": "127.0.0.1:8000"}, ("75x60", "5x60")),
    ("uwsgi", "uwsgi_socket_max_queue_length", {"name": "127.0.0.1:8000"}, ("100x60", "100x60")),
    ("nginx", "nginx_up", {}, ("1x60", "0x1 0x60")),
    ("nginx", "nginx_connections_active", {}, ("4x60", "6x60")),
    ("nginx-log", "nginx_http_responses_total", {"route": "product:list", "status": "200"}, ("0+70x60", "0+5x60")),
    ("nginx-log", "nginx_http_responses_total", {"route": "product:list", "status": "500"}, ("0+0x60", "0+5x60")),
    ("nginx-log", "nginx_access_log_start_time_seconds", {}, ("-100x60", "-40x60")),
]
#: Each panel, the number of its query, and its value with only the first pod and with both.
VALUES = [
    ("Django: Unapplied migrations", 0, 2, 2),
    ("Django: Migrations", 0, 30, 30),
    ("Django: Migrations", 1, 2, 2),
    ("Django: Request rate", 0, 10, 15),
    ("Django: Queries per request", 0, 1, 2),
    ("Shop: Products sold out", 0, 3, 3),
    ("Shop: Products sold out over time", 0, 3, 3),
    ("Shop: Stock by category", 0, 600, 600),
    ("Shop: Time until out of stock", 0, 300, 100),
    ("Shop: Database status", 0, 1, 0),
    ("uWSGI: Busy workers", 0, 1, 1),
    ("uWSGI: Queued connections", 0, 75, 80),
    ("uWSGI: Listen queue", 1, 100, 100),
    ("uWSGI: CPU usage", 1, 1, 2),
    ("uWSGI: Time since counter reset", 0, LAST + 100, LAST + 40),
    ("Overview: uWSGI saturation", 0, 0.75, 0.75),
    ("Overview: uWSGI saturation", 1, 1, 1),
    ("Overview: uWSGI saturation", 2, 0.75, 0.75),
    ("NGINX: NGINX status", 0, 1, 0),
    ("NGINX: Request rate", 0, 14, 16),
    ("NGINX: 5xx error ratio", 0, 0, 0.0625),
    ("NGINX: Active connections", 0, 4, 10),
    ("NGINX: Time since counter reset", 0, LAST + 100, LAST + 40),
]


def query(panel: str, number: int, instance: str) -> str:
    """Return a panel's query, with its variables filled in for one instance or for all of them (``.*``)."""
    dashboard = next(each for each in model.load() if each.title == panel.partition(":")[0])
    target = next(each for each in dashboard.panels if each.name == panel).targets[number]
    return SPAN.interpolate(target.expr, answers.all_chosen(dashboard) | {"instance": instance})


def series(pods: int) -> list[dict[str, str]]:
    """Return the series of the first ``pods`` pods for promtool."""
    found = []
    for job, metric, labels, values in PODS:
        for pod, of_pod in zip(("shop-a", "shop-b")[:pods], values, strict=False):
            all_labels = {"job": job, "namespace": "pomar", "pod": pod, "instance": pod, **labels}
            text = ", ".join(f'{name}="{value}"' for name, value in all_labels.items())
            found.append({"series": f"{metric}{{{text}}}", "values": of_pod})
    return found


@pytest.mark.parametrize(
    ("pods", "instance", "expected"),
    [(1, ".*", 0), (2, ".*", 1), (2, "shop-a", 0)],
    ids=["one pod", "two pods", "one of two pods selected"],
)
def test_panels_are_right_for_several_pods(tmp_path: Path, pods, instance, expected):
    cases = [
        {
            # Each query returns one series; the sum drops its labels. Rates are not exact: round them to 1/1024.
            "expr": f"round(sum({query(panel, number, instance)}), {1 / 1024})",
            "eval_time": f"{LAST}s",
            "exp_samples": [{"labels": "{}", "value": values[expected]}],
        }
        for panel, number, *values in VALUES
    ]
    tests = tmp_path / "panels.yaml"
    of_pods = {"interval": "5s", "input_series": series(pods), "promql_expr_test": cases}
    tests.write_text(json.dumps({"rule_files": [], "evaluation_interval": "5s", "tests": [of_pods]}))

    done = subprocess.run(
        [program("promtool"), "test", "rules", tests], env=FOR_PROMTOOL, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
