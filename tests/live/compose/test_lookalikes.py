"""The look-alikes of the official images are like them, by what images/facts.yaml says of those."""

import json
import posixpath
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml

from lab.compose import engine
from lab.compose.engine import Compose
from lab.paths import ROOT

FACTS = yaml.safe_load((ROOT / "images" / "facts.yaml").read_text())
#: Those that are built in images/lookalike. The base images are Debian's own, and Debian has no Grafana.
IMAGES = sorted(FACTS.keys() - {"IMAGE_DEBIAN", "IMAGE_PYTHON", "IMAGE_GRAFANA", "IMAGE_UWSGI_EXPORTER"})
#: Nothing of the lab runs it.
NOT_NEEDED = {"curl"}


@pytest.fixture(scope="module")
def names(runtime) -> dict[str, str]:
    """The name of each look-alike by its setting."""
    if runtime.kind != "lookalike":
        pytest.skip(f"not with these images: {runtime.kind}")
    environment = Compose(runtime.settings, runtime.kind).environment()
    return {name: environment[name] for name in FACTS}


@pytest.fixture(scope="module", params=IMAGES)
def image(request: pytest.FixtureRequest, names) -> tuple[dict, dict, dict[str, tarfile.TarInfo], str]:
    """What is known of an official image, and the configuration, the files and the users of its look-alike."""
    name = names[request.param]
    (inspected,) = json.loads(engine.docker("image", "inspect", name).stdout)
    files, passwd = {}, ""
    with exported(name) as archive:
        for member in archive:
            files[f"/{member.name.rstrip('/')}"] = member
            if member.name == "etc/passwd":
                passwd = archive.extractfile(member).read().decode()
    return FACTS[request.param], inspected["Config"], files, passwd


@contextmanager
def exported(image: str) -> Iterator[tarfile.TarFile]:
    """All files of an image."""
    container = engine.docker("create", "--network=none", image, "none").stdout.strip()
    try:
        with (
            subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export,
            tarfile.open(fileobj=export.stdout, mode="r|") as archive,
        ):
            yield archive
    finally:
        engine.docker("rm", "--volumes", container)


def found(path: str, files: dict[str, tarfile.TarInfo]) -> tarfile.TarInfo | None:
    """Return what is at a path, its links followed."""
    for _ in range(10):
        at = "/"
        for part in path.strip("/").split("/"):
            at = posixpath.join(at, part)
            member = files.get(at)
            if member and member.issym():
                rest = path[len(at) :]
                path = posixpath.normpath(posixpath.join(posixpath.dirname(at), member.linkname)) + rest
                break
        else:
            return files.get(at)
    return None


def has_program(name: str, files: dict[str, tarfile.TarInfo]) -> bool:
    places = [
        found(f"{folder}/{name}", files) for folder in ("/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
    ]
    return any(place and place.isfile() and place.mode & 0o111 for place in places)


def users(passwd: str) -> dict[str, str]:
    """Return uid:gid by the name of the user."""
    return {fields[0]: f"{fields[2]}:{fields[3]}" for fields in (line.split(":") for line in passwd.splitlines())}


def test_its_configuration_is_the_official_ones(image):
    facts, config, _, passwd = image
    user = users(passwd).get(config["User"]) or config["User"] or "0:0"

    assert (user if ":" in user else f"{user}:{user}") == facts["user"]
    # The program that stands in for pause needs an argument.
    assert (config["Entrypoint"] or [])[: len(facts["entrypoint"])] == facts["entrypoint"]
    assert (config["Cmd"] or []) == facts["cmd"]
    assert sorted(config["Volumes"] or {}) == facts["volumes"]


def test_it_has_the_official_ones_users(image):
    facts, _, _, passwd = image

    assert facts["users"].items() <= users(passwd).items()


def test_it_has_the_official_ones_folders_owners_and_modes(image):
    facts, _, files, _ = image
    there = {path: found(path, files) for path in facts["folders"]}

    assert {
        path: f"{each.uid}:{each.gid} {each.mode:04o}" for path, each in there.items() if each and each.isdir()
    } == facts["folders"]


def test_it_has_a_shell_and_programs_only_if_the_official_one_has(image):
    facts, _, files, _ = image

    assert has_program("sh", files) == (facts["shell"] != "none")
    assert {name for name in facts["programs"] if has_program(name, files)} == set(facts["programs"]) - NOT_NEEDED


def test_none_has_the_name_of_an_official_image(runtime):
    """Another lab of this engine would take it for that."""
    read = Compose(runtime.settings, "lookalike").must("--profile", "*", "config", "--images")

    assert all(name.startswith("localhost/pomar/") for name in read.split())


def test_with_look_alikes_compose_yaml_runs_as_with_official_images(runtime):
    """Only images, and what Debian has no package of, are different."""
    kinds = {}
    for kind in ("official", "lookalike"):
        read = json.loads(Compose(runtime.settings, kind).must("--profile", "load", "config", "--format", "json"))
        kinds[kind] = read["services"]
        for service in read["services"].values():
            for key in ("image", "build", "pull_policy"):
                service.pop(key, None)
    official, lookalike = kinds["official"], kinds["lookalike"]

    assert official.keys() - lookalike.keys() == {"grafana"}
    for name in ("official", "lookalike"):
        volumes = kinds[name]["prometheus"]["volumes"]
        volumes[:] = [volume for volume in volumes if volume["target"] != "/etc/prometheus/targets/grafana.yaml"]
    assert {name: service for name, service in official.items() if name != "grafana"} == lookalike
