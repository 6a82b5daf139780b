"""Test that the shop's image contains only what the shop needs at runtime."""

import re
import secrets
import subprocess
import sys

from lab.paths import ROOT
from tests.conftest import SHOP

APP = ROOT / "app"
#: A program that prints the file name of every module that the shop loads for its pages and management commands.
LOADED = """
import sys

import config.wsgi
from django.core.management import get_commands, load_command_class
from django.template import engines
from django.urls import get_resolver

get_resolver().url_patterns, engines.all()
for name, app in get_commands().items():
    load_command_class(app, name)
print(*(getattr(module, "__file__", None) for module in list(sys.modules.values())), sep="\\n")
"""


def test_the_image_contains_only_the_shop_and_its_packages():
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(\S+)", (APP / "Dockerfile").read_text(), re.MULTILINE)

    assert {name.split("/")[0] for name in copied} <= {"app", "requirements", "telemetry"}


def test_the_shop_loads_every_module_in_its_folder(tmp_path):
    (tmp_path / "token").write_text(secrets.token_hex(32))
    faults = {"LAB_FAULTS": "1", "LAB_TOKEN_FILE": str(tmp_path / "token")}
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=APP, env=SHOP | faults, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.splitlines()

    # Modules that are only named in the settings are imported on first use.
    named = "".join(file.read_text() for file in (APP / "config").glob("*.py"))
    others = {"migrations", "manage.py"}
    files = [file for file in APP.rglob("*.py") if others.isdisjoint(file.relative_to(APP).parts)]
    dotted = {str(file): ".".join(file.relative_to(APP).with_suffix("").parts) for file in files}
    assert len(files) > 30
    assert [file for file, name in dotted.items() if file not in loaded and f'"{name}.' not in named] == []
