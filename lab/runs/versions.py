"""The lab's settings and program versions, which are stored with each run."""

import json
import re
import subprocess
import time
from collections.abc import Iterator

from lab.errors import LabError
from lab.paths import version
from lab.prometheus import Api
from lab.runtimes import services
from lab.runtimes.base import Runtime

#: Settings that affect a run's results. None of them is secret.
SHOWN = (
    *("UWSGI_WORKERS", "UWSGI_MAX_REQUESTS", "UWSGI_HARAKIRI", "LAB_FAULTS", "APP_MEMORY", "APP_CPUS"),
    *("PROMETHEUS_RETENTION_TIME", "PROMETHEUS_RETENTION_SIZE"),
)
#: Metrics with a version in a label: the pattern of the metric name, and the label.
VERSION_LABELS = {".+_build_info": "version", "pg_static": "short_version", "redis_instance_info": "redis_version"}
NAMES = {"pg_static": "postgresql", "redis_instance_info": "redis"}
#: Commands that print versions, by the service they run in.
COMMANDS = {
    "app": ["python", "-c", "import platform, django; print('python', platform.python_version(), 'django', "
            "django.__version__)"],
    "nginx": ["sh", "-c", "nginx -v 2>&1"],
}  # fmt: skip


def settings(runtime: Runtime) -> dict[str, str]:
    """Return the name of the runtime and the settings that affect a run."""
    return {"RUNTIME": runtime.name} | {name: runtime.settings[name] for name in SHOWN}


def versions(runtime: Runtime) -> dict[str, str]:
    """Return the versions of the lab and its programs by name. Leave out those that could not be read."""
    return dict(sorted([("lab", version()), *_of_metrics(runtime), *_of_programs(runtime)]))


def _of_metrics(runtime: Runtime) -> Iterator[tuple[str, str]]:
    api = Api(runtime.url(services.named("prometheus"), ""))
    try:
        found = api.query(f'{{__name__=~"{"|".join(VERSION_LABELS)}"}}', time.time()).series
    except LabError:
        return
    for each in found:
        metric = each["metric"]
        name = metric["__name__"]
        label = VERSION_LABELS.get(name, VERSION_LABELS[".+_build_info"])
        yield NAMES.get(name, name.removesuffix("_build_info")), metric.get(label, "?")


def _of_programs(runtime: Runtime) -> Iterator[tuple[str, str]]:
    for name, command in COMMANDS.items():
        try:
            done = runtime.run(command, services.named(name), capture_output=True, text=True, stdin=subprocess.DEVNULL)
        except (LabError, OSError):
            continue
        yield from re.findall(r"(python|django|nginx)[ /v:]+(?:nginx/)?(\d[\w.]+)", done.stdout)
    try:
        yield "uwsgi", json.loads(runtime.read(services.named("app"), "/", port="APP_STATS_PORT"))["version"]
    except (OSError, ValueError, KeyError):
        return
