"""Read the rules generated for the lab's Prometheus."""

import yaml

from lab.paths import ROOT


def all_rules(kind: str) -> list[dict]:
    """Return all rules of this kind, which is ``alert`` or ``record``."""
    files = sorted((ROOT / "prometheus" / "rules").glob("*.yaml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def alert_names() -> set[str]:
    """Return the names of all alerts."""
    return {rule["alert"] for rule in all_rules("alert")}
