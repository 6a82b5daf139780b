"""Test the lab's configuration with programs from other Debian releases.

Most other tests use this machine's programs.
"""

import configparser
import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from string import Template

import pytest
import requests
import yaml

from lab.paths import ROOT
from lab.runtimes import settings
from lab.runtimes.host import prepare, programs
from lab.runtimes.ports import free_ports
from lab.runtimes.services import SERVICES, Service
from tests.config.front import Front, ending
from tests.config.releases import RELEASES, own_release, programs_of
from tests.config.samples import total
from tests.config.test_alertmanager import ALL as ALERTMANAGER_FILES
from tests.config.test_prometheus import JOBS, RULE_TESTS, RULES, TARGETS, targets_of
from tests.eventually import eventually
from tests.programs import FOR_PROMTOOL, program

#: The rules with production time windows.
PRODUCTION = sorted((ROOT / "prometheus" / "production").glob("*.yaml"))
#: Exporters that run only in containers, each with its address in compose.yaml and one of its metrics.
ONLY_IN_CONTAINERS = {
    "postgres-exporter": ("postgres-metrics:9187", "pg_up"),
    "redis-exporter": ("valkey-metrics:9121", "redis_up"),
}
#: Blackbox exporter 0.28 warns about the redirect that the module is meant to check. Prometheus 3 warns that
#: expand-external-labels no longer needs to be enabled.
EXPECTED_WARNING = "(module=redirect|expand-external-labels)"
#: The shop does not run here, and NGINX is started separately.
LEFT_OUT = {"app", "nginx"}


@dataclass(frozen=True)
class Services:
    """The running services, the lab's folder with their logs, and the lab's settings."""

    folder: Path
    settings: dict[str, str]
    services: list[Service]


@pytest.fixture(scope="module", params=[name for name in RELEASES if name != own_release()])
def release(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The folder with the programs from each release in turn. It is first on the PATH."""
    folder = programs_of(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=os.pathsep)
        yield folder


@pytest.fixture(scope="module")
def front(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The release's NGINX with the test app behind it, in the ``nginx/`` folder of a lab."""
    front = Front(tmp_path_factory.mktemp("lab") / "nginx")
    with front.running(), front.app_running(), front.rotation_running(max_bytes=1_000_000):
        eventually((front.prefix / "logs" / "metrics.log").exists, because="metrics.log is created immediately")
        yield front


@pytest.fixture(scope="module")
def services(front: Front, release: Path) -> Iterator[Services]:
    """The host runtime's other services. All tests share them: Prometheus needs 10 s for its first scrapes."""
    lab = front.prefix.parent
    chosen = make_lab(front, release)
    commands = commands_of_the_host()
    services = [
        service for service in SERVICES if service.path and service.name in commands and service.name not in LEFT_OUT
    ]
    with ExitStack() as running:
        for service in services:
            start(running, service.name, lab, chosen)
        yield Services(lab, chosen, services)


def accepts(*command: str | Path) -> None:
    """Run a program. If it does not exit with 0, fail the test with the program's output."""
    line = [program(str(command[0])), *command[1:]]
    done = subprocess.run(line, env=FOR_PROMTOOL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nginx_serves_the_shop_without_a_warning_and_mtail_counts_it(front):
    """This test must run before the other services start, because one of them requests NGINX's status page."""
    with front.mtail_running() as port:
        answers = [front.get("/"), front.get("/metrics"), front.get("/", port=front.http, tls=False)]
        eventually(
            lambda: total(port, "nginx_http_responses_total"), because="mtail reads the log", wanted=(3.0).__eq__
        )

    assert [answer.status for answer in answers] == [200, 404, 308]
    assert (front.prefix / "logs" / "error.log").read_text() == ""


def test_every_service_of_the_host_responds(services):
    for service in services.services:
        url = f"http://127.0.0.1:{services.settings[service.port]}{service.path}"
        eventually(lambda url=url: requests.get(url, timeout=5).ok, because=f"{service.name} responds")


@pytest.mark.parametrize("runtime", ["host", "compose"])
def test_prometheus_accepts_its_configuration(release, tmp_path, runtime):
    lay_out_prometheus(tmp_path, runtime)

    accepts("promtool", "check", "config", tmp_path / "prometheus.yml")


@pytest.mark.parametrize("rules", [*RULES, *PRODUCTION], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_prometheus_accepts_the_rules(release, rules):
    accepts("promtool", "check", "rules", "--lint-fatal", rules)


@pytest.mark.parametrize("tests", RULE_TESTS, ids=lambda path: path.name)
def test_the_rules_pass_their_promtool_tests(release, tmp_path, tests):
    accepts("promtool", "test", "rules", *of_single_alerts(tests, tmp_path))


def of_single_alerts(tests: Path, folder: Path) -> list[Path]:
    """Write a promtool test file and a rules file for each alert, without the other alerts. Return the test files.

    For every test, promtool evaluates all rules in the file. One file with all tests would take five times as long.
    """
    whole = yaml.safe_load(tests.read_text())
    files = [yaml.safe_load((tests.parent / name).read_text()) for name in whole["rule_files"]]
    groups = [group for file in files for group in file["groups"]]
    by_alerts: dict[frozenset[str], list[dict]] = {}
    for test in whole["tests"]:
        names = frozenset(case["alertname"] for case in test.get("alert_rule_test", []))
        by_alerts.setdefault(names, []).append(test)
    paths = []
    for number, (names, its_tests) in enumerate(by_alerts.items()):
        # An alert only uses recording rules from its own group.
        kept = [group for group in groups if not names or names & {rule.get("alert") for rule in group["rules"]}]
        rules = [
            group | {"rules": [rule for rule in group["rules"] if "record" in rule or rule["alert"] in names]}
            for group in kept
        ]
        (folder / f"rules-{number}.yaml").write_text(json.dumps({"groups": rules}))
        paths.append(folder / f"tests-{number}.yaml")
        paths[-1].write_text(json.dumps(whole | {"rule_files": [f"rules-{number}.yaml"], "tests": its_tests}))
    return paths


@pytest.mark.parametrize("path", ALERTMANAGER_FILES, ids=lambda path: path.name)
def test_alertmanager_accepts_its_configuration(release, path):
    accepts("amtool", "check-config", path)


def test_the_blackbox_exporter_accepts_its_configuration(release):
    accepts("prometheus-blackbox-exporter", f"--config.file={ROOT / 'blackbox' / 'blackbox.yml'}", "--config.check")


def lay_out_prometheus(folder: Path, runtime: str) -> None:
    """Fill Prometheus's configuration folder as a runtime does."""
    for name in ("prometheus.yml", "rules"):
        (folder / name).symlink_to(ROOT / "prometheus" / name)
    for name in ("targets", "drill"):
        (folder / name).mkdir()
    for name, targets in targets_of(runtime).items():
        (folder / "targets" / name).write_text(yaml.safe_dump(targets))


def commands_of_the_host() -> dict[str, tuple[str, str]]:
    """Return each service's command and working directory from host/supervisord.conf."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    parser.read(ROOT / "host" / "supervisord.conf")
    return {
        name.removeprefix("program:"): (parser[name]["command"], parser[name].get("directory", "%(ENV_LAB)s"))
        for name in parser.sections()
        if name.startswith("program:")
    }


def make_lab(front: Front, release: Path) -> dict[str, str]:
    """Add everything but NGINX to the lab folder, as `make up` does, and return the lab's settings."""
    lab = front.prefix.parent
    names = [name for name in settings.CHECKS if name.endswith("_PORT")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    ports |= {"SHOP_HTTPS_PORT": front.https, "SHOP_HTTP_PORT": front.http, "NGINX_STATUS_PORT": front.status}
    chosen = settings.load({name: str(port) for name, port in ports.items()})
    for name in ("alertmanager", "prometheus", "pushgateway", "receiver"):
        (lab / name).mkdir()
    lay_out_prometheus(lab / "prometheus", "host")
    rendered = Template((TARGETS / "host.yaml").read_text()).substitute(chosen)
    (lab / "prometheus" / "targets" / "lab.yaml").write_text(rendered)
    (lab / "alertmanager" / "alertmanager.yml").write_text(prepare.alertmanager_yml(chosen))
    # The blackbox exporter reads the CA from `tls`. The script host/with-share.sh finds programs in `debian`.
    (lab / "tls").symlink_to(front.ca.parent)
    (lab / "debian").symlink_to(release.parent)
    return chosen


def start(running: ExitStack, name: str, lab: Path, chosen: dict[str, str]) -> None:
    """Start a service with its command from the host runtime. It runs until the stack is closed."""
    wanted = yaml.safe_load(programs.PACKAGES_FILE.read_text())
    # The first of a program's names is its name in Debian.
    found = {key: lab / "debian" / "bin" / entry["names"][0] for key, entry in wanted.items()}
    environment = prepare.environment(chosen, found) | {"LAB": str(lab)}
    values = {f"ENV_{key}": value for key, value in environment.items()}
    command, folder = (each % values for each in commands_of_the_host()[name])
    log = running.enter_context((lab / f"{name}.log").open("wb"))
    running.enter_context(ending(shlex.split(command), cwd=folder, env=environment, stdout=log, stderr=log))


@pytest.mark.parametrize("name", ONLY_IN_CONTAINERS)
def test_a_container_only_exporter_accepts_its_flags(release, tmp_path, name):
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"][name]
    address, metric = ONLY_IN_CONTAINERS[name]
    (port,) = free_ports(1)
    (tmp_path / "password").write_text("secret")
    (tmp_path / "passwords.json").write_text("{}")

    def here(text: str) -> str:
        return text.replace(address, f"127.0.0.1:{port}").replace(f"/run/secrets/{name}", str(tmp_path))

    command = [program(f"prometheus-{name}"), *map(here, service["command"])]
    environment = {key: here(str(value)) for key, value in service["environment"].items()}
    with (tmp_path / "log").open("wb") as log, ending(command, env=environment, stdout=log, stderr=log):
        eventually(lambda: total(port, metric) == 0.0, because=f"{name} reports that it cannot connect")


def test_prometheus_scrapes_every_service_and_no_service_logs_a_warning(services):
    api = f"http://127.0.0.1:{services.settings['PROMETHEUS_PORT']}/api/v1/targets"
    eventually(
        lambda: {
            target["labels"]["job"]: target["lastError"] or target["health"]
            for target in requests.get(api, timeout=5).json()["data"]["activeTargets"]
        },
        because="Prometheus scrapes every service except the shop, which is not running",
        wanted=lambda seen: {job for job in seen if seen[job] == "up"} == JOBS - {"django"},
        timeout=30,
    )
    logs = [(services.folder / f"{service.name}.log").read_text(errors="replace") for service in services.services]

    warned = re.compile(r"level=(warn|error)(?!.*" + EXPECTED_WARNING + ")", re.IGNORECASE)
    assert [line for text in logs for line in text.splitlines() if warned.search(line)] == []
