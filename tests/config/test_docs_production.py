"""Test that the pages about Kubernetes and production agree with the chart, and that their calculations are right."""

import math
import re

import pytest
import yaml

from lab.paths import ROOT

KUBERNETES = (ROOT / "docs" / "kubernetes.md").read_text()
PRODUCTION = (ROOT / "docs" / "production.md").read_text()
VALUES = yaml.safe_load((ROOT / "charts" / "pomar" / "values.yaml").read_text())
#: The containers of the shop's pod, in addition to `app`.
OTHERS = ("nginx", "uwsgiExporter", "nginxExporter", "accessLogExporter")
EXPORTERS = OTHERS[1:]
#: The units in the cost table, as multiples of cores, samples, bytes or MiB.
UNITS = {"": 1, "cores": 1, "billion": 1e9, "MB": 1e6, "GB": 1e9, "MiB": 1, "GiB": 1024}


def snippets(page: str) -> list[dict]:
    """Return the YAML snippets on a page."""
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]


def test_the_relabel_rules_on_the_page_are_the_first_four_of_the_chart():
    objects = yaml.load_all((ROOT / "k8s" / "bundled.yaml").read_text(), yaml.CSafeLoader)
    (config,) = (each["data"]["prometheus.yml"] for each in objects if "prometheus.yml" in (each or {}).get("data", {}))
    (page,) = snippets(KUBERNETES)[0]["scrape_configs"]

    expected = yaml.safe_load(config)["scrape_configs"][0]
    assert page == {**expected, "relabel_configs": expected["relabel_configs"][:4]}


def test_the_times_on_the_page_are_those_of_the_default_values():
    leave, drain, interval = (VALUES["termination"][f"{name}Seconds"] for name in ("leave", "drain", "scrapeInterval"))
    stay = leave + drain + 2 * interval

    assert [leave, leave + drain, stay, stay + 10] == [6, 36, 96, 106]
    for row in ("0 to 6 ", "6 to 36 ", "36 to 96 ", "96 ", "106 "):
        assert f"\n| {row}" in KUBERNETES


def number(text: str) -> float:
    """Return the first number in a text."""
    return float(re.search(r"[\d,]+(\.\d+)?", text)[0].replace(",", ""))


def rows(heading: str) -> dict[str, list[str]]:
    """Return the rows of all tables in a section of the page about production, by their first cells."""
    section = re.search(rf"^## {heading}$(.*?)^## ", PRODUCTION, re.MULTILINE | re.DOTALL)[1]
    cells = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in section.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in cells}


def inputs() -> dict[str, float]:
    """Return the inputs of the cost formulas, by their letters."""
    return {name[0]: number(value) for name, (value, *_) in rows("Cost").items() if name[1:2] == ","}


def costs(requests: int) -> dict[str, float]:
    """Return the numbers in a column of the cost table, by the beginning of the row's name."""
    v = inputs()
    pods = max(2, math.ceil(requests * v["c"] / (v["k"] * v["u"])))
    series = v["f"] + pods * v["p"]
    samples = series / v["s"]
    return {
        "CPU of the workers": requests * v["c"],
        "pods, before rounding": requests * v["c"] / (v["k"] * v["u"]),
        "pods": pods,
        "CPU requests of all pods": pods * (v["k"] + sum(millicores(name) for name in OTHERS) / 1000),
        "memory requests of all pods": pods * sum(mebibytes(name) for name in ("app", *OTHERS)),
        "series": series,
        "samples/s": samples,
        "disk per day": samples * 86_400 * v["b"],
        "disk for 30 days": samples * 86_400 * v["b"] * 30,
        "Prometheus memory": 100 + (v["f"] + 2 * pods * v["p"]) * v["m"] / 1024,
        "samples per month": samples * 86_400 * 30,
        "CPU for instrumentation": requests * v["i"],
        "CPU of the access log exporters": requests * v["n"] * v["e"],
        "memory requests of the exporters": pods * sum(mebibytes(name) for name in EXPORTERS),
    }


def millicores(name: str) -> int:
    """Return the CPU request of a container."""
    return int(VALUES["resources"][name]["requests"]["cpu"].removesuffix("m"))


def mebibytes(name: str) -> int:
    """Return the memory request of a container."""
    return int(VALUES["resources"][name]["requests"]["memory"].removesuffix("Mi"))


@pytest.mark.parametrize(("column", "requests"), [(0, 10), (1, 1_000), (2, 100_000)])
def test_every_number_in_the_cost_table_follows_from_the_inputs(column, requests):
    table = {name: cells[column] for name, cells in rows("Cost").items() if len(cells) == 3}

    for name, expected in costs(requests).items():
        (cell,) = (cell for label, cell in table.items() if f"{label} ".startswith(f"{name} "))
        digits, _, unit = cell.partition(" ")
        # The last digit is rounded.
        decimals = len(digits.partition(".")[2])
        assert float(digits.replace(",", "")) == round(expected / UNITS[unit], decimals), name


def integers(text: str) -> list[int]:
    """Return all numbers in a text that have no decimals."""
    return [int(each.replace(",", "")) for each in re.findall(r"\d[\d,]*\d", text)]


def test_the_measured_series_add_up():
    sizing = rows("Sizing")
    pod, others = sizing["series per pod"], sizing["series of everything else"]
    _, total, *summands = integers(sizing["series that Prometheus adds"][1])

    assert sum(integers(pod[1])) == number(pod[0])
    assert sum(integers(others[1])) == number(others[0])
    assert summands == [number(pod[0]), number(others[0]), 11 * 5, 90]
    assert sum(summands) == total
    assert inputs()["p"] == number(pod[0]) + 4 * 5
    assert inputs()["f"] == number(others[0]) + 7 * 5 + 90


def test_the_base_urls_in_the_remote_write_example_are_dropped_from_samples_and_alerts():
    remote, alerting = snippets(PRODUCTION)
    urls = {name for name in remote["global"]["external_labels"] if name.endswith("_url")}
    (dropped,) = remote["remote_write"][0]["write_relabel_configs"]
    (from_alerts,) = alerting["alerting"]["alert_relabel_configs"]

    assert urls == set(dropped["regex"].split("|"))
    assert {*urls, "replica"} == set(from_alerts["regex"].split("|"))
