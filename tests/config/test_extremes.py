"""Test that no allowed setting makes an alert fire permanently, and that the number of series is bounded."""

import json
import os
import re
import secrets
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import yaml
from pomar_telemetry.http_server import MAX_CLIENTS
from pomar_telemetry.uwsgi_exporter.families import stats_families
from pomar_telemetry.wipe import WORKER_BYTES

from lab.alerts import definitions
from lab.errors import LabError
from lab.paths import ROOT
from lab.runtimes import settings
from lab.runtimes.host import prepare
from tests.config.front import Front
from tests.config.samples import samples, total
from tests.eventually import eventually

#: Every status that a client can get from NGINX, uWSGI or Django.
STATUSES = (200, 301, 302, 304, 400, 403, 404, 405, 408, 409, 411, 413, 414, 421, 429, 499, 500, 502, 503, 504)
#: Connections not opened by workers, but by the metrics process, the exporter, an administrator, and migrations.
OTHER_CONNECTIONS = 5
MIB = 1024 * 1024
ALERTS = {alert.alert: alert for alert in definitions.alerts()}
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def mebibytes(text: str) -> int:
    """Return the number of MiB in a size such as ``64m``."""
    return int(text.removesuffix("m"))


def number_in(file: str, pattern: str) -> int:
    """Return the number that a pattern captures in a file. The pattern must match exactly once."""
    (found,) = re.findall(pattern, (ROOT / file).read_text(), re.MULTILINE)
    return int(found)


# Series


def words_of_the_log() -> list[str]:
    """Return log lines that together create every series that NGINX's configuration allows."""
    routes = set(re.findall(r" ([\w:-]+);$", (ROOT / "nginx" / "routes.conf").read_text(), re.MULTILINE))
    methods = re.search(r"\?P<method>([^)]+)\)", (ROOT / "nginx" / "access_log.mtail").read_text())[1].split("|")
    of_outcomes = re.search(
        r"\$upstream_outcome \{(.*?)\n\}", (ROOT / "nginx" / "access_log_format.conf").read_text(), re.S
    )
    outcomes = set(re.findall(r" ([a-z]+);$", of_outcomes[1], re.MULTILINE))
    assert len(routes) > 40
    assert set(methods) == {"GET", "HEAD", "POST", "other"}
    assert outcomes == {"retried", "unreached", "abandoned", "cut", "unanswered", "answered"}
    lines = []
    for route in (*routes, "static", "redirect", "refused"):
        passed_on = route in routes
        # NGINX rejects all other methods, and logs such a request with the route `refused`.
        for method, status in product(methods if route == "refused" else set(methods) - {"other"}, STATUSES):
            upstream, outcome = ('"0.1"', "answered") if passed_on else ('"-"', "-")
            lines.append(f"{route} {method} {status} 0.100 {upstream} 100 {outcome} load")
        lines += [f'{route} GET 200 0.100 "0.1" 100 {outcome} other' for outcome in outcomes if passed_on]
    return lines


def test_all_possible_access_log_series_stay_below_the_alert_threshold(tmp_path):
    front = Front(tmp_path)
    log = front.prefix / "logs" / "metrics.log"
    log.touch()
    lines = words_of_the_log()

    with front.mtail_running() as port:
        log.write_text("".join(f"{line}\n" for line in lines))
        eventually(
            lambda: total(port, "mtail_lines_total"), because="mtail reads", wanted=lambda seen: seen == len(lines)
        )
        seen = samples(port)

    assert seen["nginx_access_log_unparsed_lines_total", ()] == 0
    assert 5000 < len(seen) < ALERTS["SeriesGrowth"].threshold


@pytest.fixture(scope="module")
def largest_worker(tmp_path_factory) -> dict:
    """The output of every_series.py: the number of Django series, and the bytes in a worker's metric files."""
    folder = tmp_path_factory.mktemp("metrics")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "app"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "DATABASE_URL": f"sqlite:///{folder}/none.sqlite3",
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
    }
    command = [sys.executable, Path(__file__).with_name("every_series.py"), ",".join(map(str, STATUSES))]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def test_all_possible_django_series_stay_below_the_alert_threshold(largest_worker):
    # Each worker also has two series, for memory and for open files.
    assert 4000 < largest_worker["series"] + 2 * settings.MAX_WORKERS + 20 < ALERTS["SeriesGrowth"].threshold
    # Label values are known for every metric except the migration gauges, which no worker sets.
    assert set(largest_worker["unknown"]) == {"django_migrations_unapplied_total", "django_migrations_applied_total"}


def test_uwsgi_series_of_the_maximum_workers_stay_below_the_alert_threshold():
    stats = json.loads((ROOT / "tests" / "telemetry" / "uwsgi-2.0.31.json").read_bytes())
    stats["workers"] = [stats["workers"][0] | {"id": number + 1} for number in range(settings.MAX_WORKERS)]

    series = sum(len(family.samples) for family in stats_families(stats, "http://localhost:1717"))

    assert 1000 < series < ALERTS["SeriesGrowth"].threshold


def test_the_unbounded_label_drill_exceeds_the_series_threshold():
    number = number_in("lab/drills/catalogue.py", r"unbounded_label\(lab, (\d+)\)")

    assert number > ALERTS["SeriesGrowth"].threshold


# Workers


def test_the_metrics_of_one_worker_fit_in_the_space_planned_for_it(largest_worker):
    assert WORKER_BYTES / 4 < largest_worker["bytes"] <= WORKER_BYTES


def test_the_metrics_of_the_maximum_workers_fit_in_shared_memory():
    assert mebibytes(SERVICES["app"]["shm_size"]) * MIB > settings.MAX_WORKERS * WORKER_BYTES
    assert prepare.METRICS_BYTES == settings.MAX_WORKERS * WORKER_BYTES


def test_the_maximum_workers_stay_below_the_process_limit():
    # Other processes are uWSGI's master, the init process, and the metrics process, which has a thread per client.
    assert SERVICES["app"]["pids_limit"] > settings.MAX_WORKERS + MAX_CLIENTS + 20


def test_the_maximum_workers_leave_postgres_enough_connections():
    limit = number_in("postgres/postgresql.conf", r"^max_connections = (\d+)$")

    assert (settings.MAX_WORKERS + OTHER_CONNECTIONS) / limit < ALERTS["PostgresConnectionsNearLimit"].threshold
    # PostgreSQL has one process per connection, and a few background processes.
    assert limit + 15 < SERVICES["postgres"]["pids_limit"]


def test_the_maximum_workers_leave_the_cache_enough_connections():
    command = SERVICES["valkey"]["command"]
    limit = int(command[command.index("--maxclients") + 1])

    assert (settings.MAX_WORKERS + OTHER_CONNECTIONS) / limit < ALERTS["CacheConnectionsNearLimit"].threshold


def test_the_fastest_worker_recycling_is_not_a_respawn_loop():
    assert ALERTS["WorkerRespawnLoop"].threshold > 1 / settings.MIN_MAX_REQUESTS


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("UWSGI_WORKERS", "65", "must be a whole number from 1 to 64"),
        ("UWSGI_MAX_REQUESTS", "1", "must be a whole number from 100 to 1000000"),
        ("UWSGI_HARAKIRI", "31", "must be a whole number from 1 to 30"),
        ("PROMETHEUS_RETENTION_SIZE", "255MB", "must be a size of at least 256MB, such as 1GB"),
        ("PROMETHEUS_RETENTION_SIZE", "1B", "must be a size of at least 256MB, such as 1GB"),
    ],
)
def test_a_setting_out_of_range_is_refused(name, value, sentence):
    with pytest.raises(LabError, match=sentence):
        settings.load({name: value})
