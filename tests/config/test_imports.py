"""Test that each package imports only what the tables below allow."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("alertmanager", "app", "grafana", "lab", "lessons", "loadtest", "telemetry", "tools")
#: The packages in this repository. Imports of other packages are not restricted.
OWN = (
    *("cart", "checkout", "config", "faults", "health", "product", "pomar_telemetry"),
    *("alertmanager", "grafana", "lab", "lessons", "loadtest", "tools"),
)

#: Which of the ``OWN`` packages each package or module may import. The longest matching path applies.
MAY_IMPORT = {
    "alertmanager": ("alertmanager",),
    # Without Grafana, the receiver serves the live dashboards.
    "alertmanager/receiver": ("alertmanager", "lab.runs.report.live"),
    "app/config": ("config", "pomar_telemetry", "cart", "checkout", "product"),
    "app/manage": (),
    "app/checkout": ("checkout", "cart", "product"),
    "app/cart": ("cart", "product"),
    "app/product": ("product",),
    # The URL that adds a product to the cart is one of the product URLs.
    "app/product/urls": ("product", "cart.views.cart_add"),
    "app/faults": ("faults",),
    "app/health": ("health",),
    "telemetry": ("pomar_telemetry",),
    "grafana": ("grafana",),
    "loadtest": ("loadtest",),
    "lab/__init__": (),
    "lab/__main__": ("lab",),
    "lab/bootstrap": ("lab.network", "lab.runtimes.environment"),
    "lab/doctor": ("lab.errors", "lab.paths", "lab.runtimes"),
    "lab/cli": ("lab", "grafana", "loadtest", "lessons", "tools"),
    # Downloads a wheel in the same way as the bootstrap does.
    "lab/runtimes/kubernetes/programs": ("lab.bootstrap", "lab.errors", "lab.paths"),
    "lessons": ("lessons", "lab"),
    # The modules in this folder replace the shop's settings and URLs.
    "lessons/naive": ("config",),
    "tools": ("tools", "lab"),
}
#: The layers of lab/, lowest first. Each may import its own layer and the layers below.
LAB_LAYERS = (
    ("console", "errors", "http", "network", "paths", "signals", "times"),
    ("contract", "prometheus"),
    ("runtimes",),
    ("alerts",),
    ("dashboards",),
    ("runs",),
    ("drills",),
)


def rules() -> dict[str, tuple[str, ...]]:
    """Return the packages that each path may import, merged from both tables."""
    layers, below = {}, ("grafana", "loadtest")
    for layer in LAB_LAYERS:
        below += tuple(f"lab.{name}" for name in layer)
        layers |= {f"lab/{name}": below for name in layer}
    return layers | MAY_IMPORT


def rule_of(module: Path) -> str | None:
    """Return the longest path in ``rules()`` that is the module itself or a folder above it."""
    paths = (path.as_posix() for path in (module.with_suffix(""), *module.parents))
    return next((path for path in paths if path in rules()), None)


def imported(source: str) -> Iterator[str]:
    """Yield the dotted name of each import anywhere in the code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(name: str, packages: tuple[str, ...]) -> bool:
    """Return whether a dotted name is one of the packages or inside one."""
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


MODULES = [path.relative_to(ROOT) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_import_is_allowed(folder):
    forbidden = [
        f"{module} imports {name}"
        for module in MODULES
        if module.parts[0] == folder
        for name in imported((ROOT / module).read_text())
        if is_within(name, OWN) and not is_within(name, rules()[rule_of(module)])
    ]

    assert not forbidden, "\n".join(forbidden)


def test_every_module_has_a_rule_and_every_rule_a_module():
    used = {rule_of(module) for module in MODULES}

    assert [module for module in MODULES if rule_of(module) is None] == []
    assert set(rules()) - used == set()
