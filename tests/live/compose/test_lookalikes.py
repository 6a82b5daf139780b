"""The look-alike images match the official ones, as described in images/facts.yaml."""

import json
import subprocess

import pytest

from lab.runtimes.compose import engine, image_facts
from lab.runtimes.compose.engine import Compose

FACTS = image_facts.facts()
#: The images that have a look-alike. The base images are Debian's own, Debian does not package Grafana, and the lab
#: has its own uWSGI exporter.
IMAGES = sorted(FACTS.keys() - {"IMAGE_DEBIAN", "IMAGE_PYTHON", "IMAGE_GRAFANA", "IMAGE_UWSGI_EXPORTER"})
#: Programs in the official images that the lab does not use.
NOT_NEEDED = {"curl"}


@pytest.fixture(scope="module", params=IMAGES)
def image(request: pytest.FixtureRequest, runtime) -> tuple[dict, str]:
    """The facts about an official image, and the name of its look-alike."""
    if runtime.kind != "lookalike":
        pytest.skip(f"the lab runs on {runtime.kind} images: needs lookalike")
    return FACTS[request.param], Compose(runtime.settings, runtime.kind).environment()[request.param]


def shell(image: str, script: str) -> subprocess.CompletedProcess:
    """Run a script in a new container of an image."""
    options = ["--rm", "--network=none", "--cap-drop=ALL", "--read-only", "--entrypoint=sh"]
    return subprocess.run(["docker", "run", *options, image, "-ec", script], capture_output=True, text=True)


def test_its_configuration_matches_the_official_image(image):
    facts, name = image
    config = json.loads(engine.docker("image", "inspect", name).stdout)[0]["Config"]
    users = {"": "0:0", "65534": "65534:65534", **facts["users"]}

    assert users.get(config["User"], config["User"]) == facts["user"]
    # The replacement for pause needs an additional argument.
    assert (config["Entrypoint"] or [])[: len(facts["entrypoint"])] == facts["entrypoint"]
    assert (config["Cmd"] or []) == facts["cmd"]
    assert sorted(config["Volumes"] or {}) == facts["volumes"]


def test_its_shell_users_folders_and_programs_match_the_official_image(image):
    facts, name = image
    # In the format that the script below prints, such as "nginx 101:101", "/data 999:1000 1777" or "program wget".
    expected = [
        *(f"{user} {ids}" for user, ids in facts["users"].items()),
        *(f"{path} {kept}" for path, kept in facts["folders"].items()),
        *(f"program {program}" for program in facts["programs"] if program not in NOT_NEEDED),
    ]

    done = shell(
        name,
        f"""
        for user in {" ".join(facts["users"])}; do echo "$user $(id -u $user):$(id -g $user)"; done
        for path in {" ".join(facts["folders"])}; do
            mode=$(stat -c %a $path)
            test -d $path; echo "$path $(stat -c %u:%g $path) $(printf %04d $mode)"
        done
        for program in {" ".join(facts["programs"])}; do
            if command -v $program >/dev/null; then echo "program $program"; fi
        done
        """,
    )

    if facts["shell"] == "none":
        assert "executable file not found" in done.stderr
    else:
        assert done.stdout.splitlines() == expected, done.stderr


def test_no_look_alike_has_the_name_of_an_official_image(runtime):
    """Otherwise, another project on this engine would use the look-alike instead of the official image."""
    read = Compose(runtime.settings, "lookalike").must("--profile", "*", "config", "--images")

    assert all(name.startswith("localhost/pomar/") for name in read.split())


def test_look_alikes_and_official_images_have_the_same_compose_services(runtime):
    """The only differences are the images and Grafana, which Debian does not package."""
    kinds = {}
    for kind in ("official", "lookalike"):
        read = json.loads(Compose(runtime.settings, kind).must("--profile", "load", "config", "--format", "json"))
        kinds[kind] = read["services"]
        for service in read["services"].values():
            for key in ("image", "build", "pull_policy"):
                service.pop(key, None)
        volumes = kinds[kind]["prometheus"]["volumes"]
        volumes[:] = [volume for volume in volumes if volume["target"] != "/etc/prometheus/targets/grafana.yaml"]

    assert kinds["official"].pop("grafana")
    # The receiver redirects to Grafana, or draws the dashboards itself.
    grafana = f"http://localhost:{runtime.settings['GRAFANA_PORT']}"
    assert kinds["official"]["receiver"]["command"].pop() == f"--grafana={grafana}"
    assert kinds["lookalike"]["receiver"]["command"].pop() == "--prometheus=http://prometheus:9090"
    assert kinds["official"] == kinds["lookalike"]
