"""``k8s/``: what the Helm chart renders, to read and to install with kubectl alone."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError
from lab.paths import ROOT
from lab.runtimes.kubernetes import programs

FOLDER = ROOT / "k8s"
CHART = ROOT / "charts" / "pomar"
#: What each file shows, its presets, and further values. No file contains the dashboards, which are 500 KB of JSON.
FILES = {
    "bundled": ("with a Prometheus, an Alertmanager and a Grafana of its own", [], ["monitoring.mode=bundled"]),
    "operator": ("for a cluster with the Prometheus Operator", ["operator"], []),
    "gke": ("for Google's managed Prometheus", ["gke"], []),
    "stackdriver": ("with the Stackdriver sidecar of 2018, kept for history", [], ["stackdriver.sidecar=true"]),
}
HEAD = """\
# Generated from charts/pomar by `make generate`: the shop {what}.
#   helm template pomar charts/pomar --namespace pomar --no-hooks{options}
#
# To install it without Helm, set your images and your host in this file, and create the Secrets that it references:
#   kubectl create namespace pomar
#   kubectl --namespace pomar create secret generic shop-secrets \\
#     --from-literal=app-secret-key="$(openssl rand -base64 48)"{admin}
#   kubectl --namespace pomar create secret generic shop-database \\
#     --from-literal=app-database-url=postgres://… --from-literal=migrate-database-url=postgres://…
#   kubectl --namespace pomar create secret generic shop-cache --from-literal=app-cache-url=redis://…
#   kubectl --namespace pomar create secret generic shop-tls --type=kubernetes.io/tls \\
#     --from-file=tls.crt=… --from-file=tls.key=…{ca}
{dashboards}#   kubectl --namespace pomar apply --server-side --filename k8s/{name}.yaml
"""
ADMIN = """ \\
#     --from-literal=grafana-admin-password="$(openssl rand -base64 24)\""""
DASHBOARDS = """\
#   for file in grafana/dashboards/*.json; do
#     kubectl --namespace pomar create configmap "pomar-dashboard-$(basename "$file" .json)" --from-file="$file"{label}
#   done
"""
LABEL = """
#     kubectl --namespace pomar label configmap "pomar-dashboard-$(basename "$file" .json)" grafana_dashboard=1"""


def files() -> dict[Path, str]:
    """Return the content of each file. Raises LabError if Helm cannot be found or fails."""
    return {FOLDER / f"{name}.yaml": _file(name, *of) for name, of in FILES.items()}


def _file(name: str, what: str, presets: Sequence[str], values: Sequence[str]) -> str:
    presets = ["production", *presets]
    dashboards = {"bundled": DASHBOARDS.format(label=""), "operator": DASHBOARDS.format(label=LABEL)}.get(name, "")
    values = [*values, *(["monitoring.dashboards.create=false"] if dashboards else [])]
    options = [
        *(f"--values charts/pomar/presets/{preset}.yaml" for preset in presets),
        *(f"--set {value}" for value in values),
    ]
    admin = ADMIN if name == "bundled" else ""
    # The blackbox exporter, which goes with the dashboards, checks the certificate.
    ca = " --from-file=ca.crt=…" if dashboards else ""
    lines = "".join(f" \\\n#     {option}" for option in options)
    head = HEAD.format(what=what, options=lines, admin=admin, ca=ca, dashboards=dashboards, name=name)
    return head + _rendered(" ".join(options).split())


def _rendered(options: Sequence[str]) -> str:
    command = [programs.find("helm"), "template", "pomar", "charts/pomar", "--namespace=pomar", "--no-hooks", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"Helm cannot render the chart: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout
