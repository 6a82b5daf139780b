"""Test pomar-telemetry as a separate distribution, in a Django project set up as described in its README."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from lab.runtimes.ports import free_ports
from tests.config.front import can_connect, ending
from tests.config.samples import samples, series
from tests.config.test_imports import imported
from tests.eventually import eventually
from tests.programs import program

ROOT = Path(__file__).resolve().parents[2]
TELEMETRY = ROOT / "telemetry"
README = (TELEMETRY / "README.md").read_text()

SETTINGS = """
SECRET_KEY = "of a test"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "database.sqlite3"}}
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
INSTALLED_APPS = ["django_prometheus"]
PROMETHEUS_EXPORT_MIGRATIONS = False
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("crates/<int:number>/", lambda request, number: HttpResponse("a crate"), name="crate")]
"""
METRICS = """
from prometheus_client.core import GaugeMetricFamily


class StockCollector:
    def collect(self):
        yield GaugeMetricFamily("warehouse_crates", "Crates in the warehouse.", value=7)
"""

CRATES = series("warehouse_crates")
BY_VIEW = series(
    "django_http_requests_total_by_view_transport_method_total", view="crate", transport="http", method="GET"
)


def block(language: str, number: int = 0) -> str:
    """Return a code block from the README."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[number]


@pytest.fixture(scope="module")
def venv(tmp_path_factory) -> Path:
    """A virtual environment with the wheel. Its dependencies come from the lab's environment."""
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, because building leaves files next to the source.
    source = shutil.copytree(TELEMETRY, folder / "telemetry", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-I", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", f"--wheel-dir={folder}", source], check=True)
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (wheel,) = folder.glob("pomar_telemetry-*.whl")
    subprocess.run([*pip, "--python", folder / "venv/bin/python", "install", *offline, wheel], check=True)
    packages = sysconfig.get_path("purelib", "venv", {"base": str(folder / "venv")})
    # The checkout is installed in the lab's environment through a .pth file. Python does not read the .pth files in a
    # folder that was itself added by a .pth file, so the checkout cannot be imported.
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "venv"


@pytest.fixture
def project(tmp_path, venv) -> Path:
    """A Django project set up as described in the README."""
    (tmp_path / "settings.py").write_text(SETTINGS + block("python"))
    (tmp_path / "wsgi.py").write_text(block("python", 1))
    (tmp_path / "urls.py").write_text(URLS)
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "warehouse" / "__init__.py").touch()
    (tmp_path / "warehouse" / "metrics.py").write_text(METRICS)
    ini = block("ini").replace("/dev/shm/warehouse", str(tmp_path / "metrics"))
    (tmp_path / "uwsgi.ini").write_text(f"[uwsgi]\n{ini}")
    return tmp_path


def environment(venv: Path, **variables: str) -> dict[str, str]:
    """Return the environment variables for programs in the virtual environment."""
    return {
        "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "settings",
        **variables,
    }


@contextmanager
def serving(project: Path, venv: Path, *flags: str) -> Iterator[tuple[str, int]]:
    """Run the project under uWSGI until the end of the block. Yield its URL and its metrics port."""
    http, metrics = free_ports(2)
    command = [
        *(program("uwsgi"), f"--virtualenv={venv}", f"--http-socket=127.0.0.1:{http}", "--module=wsgi", "--need-app"),
        *("--die-on-term", "--no-orphans", "--worker-reload-mercy=2", *flags),
    ]
    variables = environment(venv, APP_METRICS_PORT=str(metrics))
    with (project / "log").open("wb") as log, ending(command, cwd=project, env=variables, stdout=log, stderr=log):
        eventually(
            lambda: words(project).count("WSGI app 0 ") == 2, because="both workers load the project", timeout=20
        )
        yield f"http://127.0.0.1:{http}/crates/1/", metrics


def words(project: Path) -> str:
    """Return uWSGI's log."""
    return (project / "log").read_text()


def test_the_wheel_serves_metrics_in_the_project_from_the_readme(project, venv):
    with serving(project, venv, "--ini=uwsgi.ini") as (url, metrics):
        eventually(lambda: can_connect(metrics), because="the metrics process starts", timeout=20)
        for _ in range(20):
            requests.get(url, timeout=5)
        seen = eventually(
            lambda: samples(metrics), because="the database is read", wanted=lambda seen: CRATES in seen, timeout=20
        )

    assert seen[BY_VIEW] == 20
    assert seen[CRATES] == 7
    assert seen[series("pomar_database_up")] == 1
    assert seen[series("django_migrations_unapplied_total", connection="default")] == 0
    assert [seen[series("pomar_worker_open_fds", worker_id=slot)] > 0 for slot in ("1", "2")] == [True, True]


def test_without_a_metrics_directory_it_still_serves_and_logs_the_reason(project, venv):
    with serving(project, venv, "--master", "--workers=2", "--lazy-apps") as (url, _):
        assert requests.get(url, timeout=5).text == "a crate"

    said = [line for line in words(project).splitlines() if "PROMETHEUS_MULTIPROC_DIR" in line]
    assert sorted(said) == [
        f"telemetry: worker {slot} cannot record metrics: "
        "set PROMETHEUS_MULTIPROC_DIR to a directory that contains nothing else."
        for slot in (1, 2)
    ]
    assert "Traceback" not in words(project)


def test_a_collector_that_cannot_be_imported_is_a_one_line_error(project, venv):
    (project / "settings.py").write_text(SETTINGS + 'TELEMETRY_COLLECTORS = ["warehouse.metrics.Nothing"]\n')

    done = subprocess.run(
        [venv / "bin/python", "-m", "pomar_telemetry.server"],
        cwd=project,
        env=environment(venv, PROMETHEUS_MULTIPROC_DIR=str(project / "metrics")),
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert done.returncode == 1
    assert done.stderr == (
        "pomar_telemetry.server: TELEMETRY_COLLECTORS contains warehouse.metrics.Nothing, which cannot be imported: "
        'Module "warehouse.metrics" does not define a "Nothing" attribute/class.\n'
    )


def test_the_wheel_installs_the_exporter_as_a_command(venv):
    done = subprocess.run(
        [venv / "bin/uwsgi-exporter", "--stats.uri=x:y:z"], capture_output=True, text=True, timeout=20
    )

    assert done.returncode == 2
    assert done.stderr.startswith("uwsgi_exporter: argument --stats.uri: ")


def test_the_wheel_includes_the_nginx_routes_command(project, venv):
    done = subprocess.run(
        [venv / "bin/python", "-m", "django", "nginx_routes"],
        cwd=project,
        env=environment(venv, PYTHONPATH=str(project)),
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert done.stdout.splitlines()[1:] == [r'"~^/crates/(?:[0-9]+)/\z" crate;'], done.stderr


def test_its_declared_dependencies_are_exactly_what_it_imports():
    project = tomllib.loads((TELEMETRY / "pyproject.toml").read_text())["project"]
    modules = [path.read_text() for path in TELEMETRY.rglob("*.py")]

    foreign = {name.partition(".")[0] for source in modules for name in imported(source)} - sys.stdlib_module_names

    # The module uwsgi exists only inside uWSGI.
    assert foreign - {"pomar_telemetry", "uwsgi"} == {
        re.match(r"[\w-]+", requirement)[0].replace("-", "_") for requirement in project["dependencies"]
    }
