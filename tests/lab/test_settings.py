"""Test which values in ``.env`` and in the environment are accepted, and the one-sentence errors for all others."""

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.paths import ROOT
from lab.runtimes import settings


def env_with(tmp_path: Path, line: str) -> Path:
    """Return a copy of the checkout's ``.env`` with this line added."""
    path = tmp_path / ".env"
    path.write_text(f"{(ROOT / '.env').read_text()}{line}\n")
    return path


def test_the_committed_env_file_is_complete_and_valid():
    assert settings.load({})["SHOP_HTTPS_PORT"] == "8443"


def test_the_environment_overrides_the_file(tmp_path):
    path = env_with(tmp_path, "SHOP_HTTPS_PORT=9443")

    assert settings.load({}, path)["SHOP_HTTPS_PORT"] == "9443"
    assert settings.load({"SHOP_HTTPS_PORT": "9444"}, path)["SHOP_HTTPS_PORT"] == "9444"


def test_an_empty_environment_variable_overrides_nothing():
    assert settings.load({"UWSGI_WORKERS": ""})["UWSGI_WORKERS"] == "4"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("SHOP_HTTPS_PORT=https", "SHOP_HTTPS_PORT is 'https', but must be a port from 1 to 65535"),
        ("SHOP_HTTPS_PORT=0", "SHOP_HTTPS_PORT is '0'"),
        ("SHOP_HTTPS_PORT=65536", "SHOP_HTTPS_PORT is '65536'"),
        ("SHOP_HTTPS_PORT=", "SHOP_HTTPS_PORT is ''"),
        ("SHOP_HTTPS_PORT=08443", "SHOP_HTTPS_PORT is '08443'"),
        ("SHOP_HTTPS_PORT=८४४३", "SHOP_HTTPS_PORT is '८४४३'"),
        ("UWSGI_WORKERS=04", "UWSGI_WORKERS is '04'"),
        ("UWSGI_WORKERS=" + "9" * 5000, "UWSGI_WORKERS is '9999"),
        ("DATABASE_URL=sqlite:////tmp/shop", "sets DATABASE_URL, which is not a setting: write LAB_DATABASE_URL"),
        ("LAB_CACHE_URL=postgres://cache", "LAB_CACHE_URL is invalid, but must be empty, or a URL such as redis://"),
        ("PROMETHEUS_PORT=8443", "SHOP_HTTPS_PORT and PROMETHEUS_PORT are both 8443"),
        ("UWSGI_WORKERS=0", "UWSGI_WORKERS is '0', but must be a whole number"),
        ("UWSGI_WORKERS=-1", "UWSGI_WORKERS is '-1'"),
        ("UWSGI_WORKERS=four", "UWSGI_WORKERS is 'four'"),
        ("SHOP_HOSTS=shop example", "SHOP_HOSTS is 'shop example'"),
        ("SHOP_HOSTS=a;b", "SHOP_HOSTS is 'a;b'"),
        (
            "LAB_DATABASE_URL=Postgres://shop:secret@localhost/shop",
            "LAB_DATABASE_URL is invalid, but must be empty",
        ),
        ("UWSGI_HARAKIRI=31", "UWSGI_HARAKIRI is '31', but must be a whole number from 1 to 30"),
        ("PROMETHEUS_RETENTION_TIME=two weeks", "PROMETHEUS_RETENTION_TIME is 'two weeks'"),
        ("PROMETHEUS_RETENTION_SIZE=1", "PROMETHEUS_RETENTION_SIZE is '1'"),
        ("IMAGE_PROMETHEUS=", "IMAGE_PROMETHEUS is '', but must be an image name with a version"),
        (
            "IMAGE_UWSGI_EXPORTER=timonwong/uwsgi-exporter",
            "IMAGE_UWSGI_EXPORTER is 'timonwong/uwsgi-exporter', but must",
        ),
        ("SHOP_PORT=1", "sets SHOP_PORT, which is not a setting"),
        ("just words", "is 'just words': write NAME=value"),
    ],
)
def test_an_invalid_line_is_refused_with_a_one_line_error_that_names_it(tmp_path, line, sentence):
    with pytest.raises(LabError) as error:
        settings.load({}, env_with(tmp_path, line))

    assert sentence in error.value.message
    assert "\n" not in error.value.message
    assert "secret" not in error.value.message


def test_the_error_for_an_invalid_value_says_where_it_was_set(tmp_path):
    lines = (ROOT / ".env").read_text().splitlines()
    number = next(place for place, line in enumerate(lines, start=1) if line.startswith("PROMETHEUS_PORT="))
    path = tmp_path / ".env"
    path.write_text("\n".join(lines).replace("PROMETHEUS_PORT=9090", "PROMETHEUS_PORT=ninety"))

    with pytest.raises(LabError) as in_file:
        settings.load({}, path)
    # Kubernetes sets this variable in every pod in a namespace with a service named "prometheus".
    with pytest.raises(LabError) as in_shell:
        settings.load({"PROMETHEUS_PORT": "tcp://10.0.0.1:9090"}, path)
    with pytest.raises(LabError) as twice:
        settings.load({"PROMETHEUS_PORT": "8443"}, path)

    must = "but must be a port from 1 to 65535"
    assert in_file.value.message == f"PROMETHEUS_PORT is 'ninety', {must}: change line {number} of .env."
    assert in_shell.value.message == (
        f"PROMETHEUS_PORT is 'tcp://10.0.0.1:9090', {must}: change or unset the environment variable PROMETHEUS_PORT."
    )
    assert "change line 4 of .env or the environment variable PROMETHEUS_PORT" in twice.value.message


def test_shop_hosts_always_includes_localhost_and_127_0_0_1(tmp_path):
    assert settings.load({"SHOP_HOSTS": "shop.example"})["SHOP_HOSTS"] == "shop.example,localhost,127.0.0.1"


def test_a_missing_setting_is_named(tmp_path):
    path = tmp_path / ".env"
    path.write_text((ROOT / ".env").read_text().replace("UWSGI_WORKERS=4\n", ""))

    with pytest.raises(LabError, match="UWSGI_WORKERS is missing"):
        settings.load({}, path)


def test_the_error_for_a_missing_file_says_how_to_restore_it(tmp_path):
    with pytest.raises(LabError, match=r"git checkout \.env"):
        settings.load({}, tmp_path / ".env")
