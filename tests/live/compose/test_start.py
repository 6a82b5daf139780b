"""If startup fails, one sentence says why, and services that are already running are not affected."""

import json
import re
import shutil
import subprocess

import pytest

from lab.errors import LabError
from lab.paths import LOGS, ROOT
from lab.runtimes.compose import engine, images
from lab.runtimes.compose.engine import Compose
from tests.live.compose.conftest import in_container, sql


def test_a_failed_migration_stops_the_start_but_not_the_running_shop(observer, runtime):
    app = engine.containers()["app"]
    sql("ALTER ROLE owner NOLOGIN")
    try:
        with pytest.raises(LabError, match=r"^migrate failed to start\. Last log line: .*not permitted") as seen:
            runtime.up()
    finally:
        sql("ALTER ROLE owner LOGIN")

    assert "\n" not in seen.value.message
    assert "not permitted to log in" in (LOGS / "compose-migrate.log").read_text()
    assert engine.containers()["app"].started_at == app.started_at
    assert observer.client().get(f"{observer.shop}/health/ready", timeout=10).status_code == 200
    runtime.up()
    assert [problem for _, _, problem in runtime.states() if problem] == []


@pytest.mark.parametrize("kind", ["official", "debian"])
def test_compose_accepts_both_kinds_of_images(runtime, kind):
    compose = Compose(runtime.settings, kind)

    assert compose.must("--profile", "load", "config", "--quiet") == ""


def test_a_checkout_path_may_contain_any_character_except_a_colon(inspected, tmp_path):
    """Compose accepts every character except the colon, which separates the paths in Docker's mount syntax."""
    checkout = tmp_path / """ü $HOME ${x} %s # ' " [a] \\ , ; = & *"""
    checkout.mkdir()
    (checkout / "nginx.conf").write_text("seen")
    image = inspected["app"]["Config"]["Image"]
    service = {"image": image, "network_mode": "none", "volumes": ["./nginx.conf:/nginx.conf:ro,z"]}
    (checkout / "compose.yaml").write_text(json.dumps({"name": "pomar-test-name", "services": {"it": service}}))
    command = ["docker", "compose", "--project-directory", checkout, "--file", checkout / "compose.yaml"]

    done = subprocess.run([*command, "run", "--rm", "-T", "it", "cat", "/nginx.conf"], capture_output=True, text=True)

    assert done.stdout == "seen", done.stderr


def test_docker_compose_up_alone_works_and_recreates_nothing(runtime):
    before = engine.containers()

    Compose(runtime.settings, runtime.kind).must("up", "--detach", "--wait")

    after = engine.containers()
    assert {name for name in before if after[name].id != before[name].id} == set()


def test_the_kind_of_images_that_existing_data_belongs_to_is_chosen(runtime):
    kind, why = images.choose({**runtime.settings, "IMAGES": "auto"})

    assert (kind, why) == (runtime.kind, "the existing data was created with them")


def test_a_base_image_that_cannot_be_built_is_reported(runtime):
    with pytest.raises(
        LabError, match=r"^(the base image cannot be built from Debian packages: E: |.*mmdebstrap is not)"
    ):
        images._make_base("nowhere", "localhost/pomar/debian:nowhere")


def test_images_that_cannot_be_built_without_a_network_are_reported(runtime):
    compose = Compose(runtime.settings, runtime.kind)
    nowhere = "http://127.0.0.1:1"

    with pytest.raises(LabError) as seen:
        images.build(compose, "--no-cache", f"--build-arg=http_proxy={nowhere}", f"--build-arg=https_proxy={nowhere}")

    assert re.match(r"the images cannot be built: E: .*127\.0\.0\.1", seen.value.message)
    assert "Check the network." in seen.value.message
    assert "\n" not in seen.value.message


def test_make_up_names_a_setting_that_differs_from_the_running_lab(runtime):
    other = type(runtime)({**runtime.settings, "IMAGES": "auto", "UWSGI_WORKERS": "2"})

    with pytest.raises(LabError, match="the lab is running with a different UWSGI_WORKERS: run `make down` first"):
        other.up()


def test_make_up_applies_changes_in_the_checkout_and_restarts_nothing_else(runtime):
    """Simulate `git pull`, which replaces changed files with new ones."""
    before = engine.containers()
    mounted, built = ROOT / "blackbox" / "blackbox.yml", ROOT / "telemetry" / "src" / "added-by-a-test"
    fresh = mounted.with_name("blackbox.yml.new")
    shutil.copy(mounted, fresh)
    fresh.replace(mounted)
    built.touch()
    try:
        runtime.up()
    finally:
        built.unlink()

    after = engine.containers()
    seen = in_container("blackbox-exporter", "ls", "-i", "/srv/blackbox/blackbox.yml").stdout.split()[0]
    assert int(seen) == mounted.stat().st_ino
    assert after["uwsgi-exporter"].id != before["uwsgi-exporter"].id
    started = {name for name in before if after[name].started_at != before[name].started_at}
    # The app's image also contains the telemetry package, and Compose restarts the services that depend on the app.
    with_the_app = {"app", "nginx", "nginx-exporter"}
    assert started == {"blackbox-exporter", "uwsgi-exporter", "prepare", "migrate"} | with_the_app
