"""The chart's values for the lab."""

import json
from collections.abc import Mapping

from lab.paths import ROOT
from lab.runtimes.compose.engine import docker

CHART = ROOT / "charts" / "pomar"
PRESET = CHART / "presets" / "lab.yaml"


def of_lab(chosen: Mapping[str, str], kind: str, names: Mapping[str, str]) -> dict:
    """Return the values for the lab's settings and a kind of images. ``names`` has the image of each service."""
    page = {name: f"http://localhost:{chosen[f'{name.upper()}_PORT']}" for name in ("prometheus", "alertmanager")}
    receiver = f"http://localhost:{chosen['RECEIVER_PORT']}"
    page |= {"grafana": f"http://localhost:{chosen['GRAFANA_PORT']}"}
    page |= {"runbooks": f"{receiver}/runbooks", "dashboards": f"{receiver}/dashboards"}
    known = json.loads((CHART / "values.schema.json").read_text())["properties"]["images"]["properties"]
    of_chart = {_camel(name): image for name, image in names.items() if _camel(name) in known}
    values = {
        "images": of_chart,
        "hosts": chosen["SHOP_HOSTS"].split(","),
        "service": {"httpsPort": int(chosen["SHOP_HTTPS_PORT"]), "httpPort": int(chosen["SHOP_HTTP_PORT"])},
        "app": {
            "workers": int(chosen["UWSGI_WORKERS"]),
            "maxRequests": int(chosen["UWSGI_MAX_REQUESTS"]),
            "harakiriSeconds": int(chosen["UWSGI_HARAKIRI"]),
        },
        "resources": {
            "app": {"limits": {"cpu": chosen["APP_CPUS"], "memory": chosen["APP_MEMORY"].replace("m", "Mi")}}
        },
        "monitoring": {
            "urls": page,
            "grafana": {"enabled": kind == "official"},
            "prometheus": {
                "retentionTime": chosen["PROMETHEUS_RETENTION_TIME"],
                "retentionSize": chosen["PROMETHEUS_RETENTION_SIZE"],
            },
        },
    }
    if kind == "debian":
        # The users in Debian's packages have other IDs than those of the official images.
        for name in ("postgres", "valkey"):
            values[name] = dict(zip(("runAsUser", "runAsGroup"), _ids(names[name], name), strict=True))
    return values


def _camel(name: str) -> str:
    first, *others = name.split("-")
    return first + "".join(map(str.capitalize, others))


def _ids(image: str, user: str) -> list[int]:
    """Return the IDs of a user and its group in an image."""
    script = f"id -u {user}; id -g {user}"
    return [int(line) for line in docker("run", "--rm", "--entrypoint=sh", image, "-c", script).stdout.split()]
