"""Test that compose.yaml and .env match the facts about the official images in ``images/facts.yaml``.

An image that has reached its end of support causes a warning. With ``pytest -W error::UserWarning``, it is an error.
"""

import re
import warnings
from datetime import date

import pytest

from lab.runtimes import settings
from lab.runtimes.compose import image_facts
from tests.config.test_compose import COMPOSE, SERVICES

ENV = settings.load({})
FACTS = image_facts.facts()
FIELDS = {
    *("image", "source", "user", "users", "shell", "programs", "entrypoint", "cmd", "volumes", "folders"),
    *("architectures", "end_of_support", "support_source"),
}
#: The facts about each service's official image, by service name.
OFFICIAL = {
    name: FACTS[variable[1]]
    for name, service in SERVICES.items()
    if (variable := re.fullmatch(r"\$\{(IMAGE_[A-Z_]+)\}", service["image"])) and variable[1] in FACTS
}
each_image = pytest.mark.parametrize("name", FACTS)
each_service = pytest.mark.parametrize("name", OFFICIAL)


def test_every_official_image_has_facts():
    assert FACTS.keys() == set(settings.OFFICIAL_IMAGES)
    assert len(OFFICIAL) > 10


@each_image
def test_the_facts_match_the_version_in_the_env_file(name):
    # The setting for an optional image may be empty in .env. The facts then describe the recommended image.
    assert ENV[name] in ("", FACTS[name]["image"]), f"check the sources for {ENV[name]} and update images/facts.yaml"


@each_image
def test_the_facts_about_an_image_are_complete(name):
    facts = FACTS[name]

    assert facts.keys() == FIELDS
    assert {"repository", "file", "commit"} <= facts["source"].keys() <= {"repository", "file", "commit", "read"}
    assert re.fullmatch(r"[0-9a-f]{40}|unknown", facts["source"]["commit"])
    for user in (facts["user"], *facts["users"].values()):
        assert re.fullmatch(r"\d+:\d+", user)
    for folder, owner in facts["folders"].items():
        assert folder.startswith("/")
        assert re.fullmatch(r"\d+:\d+ [0-7]{4}", owner)
    assert isinstance(facts["end_of_support"], date) or facts["end_of_support"] == "unknown"
    assert facts["support_source"]
    # Both fields must agree. Health checks and scripts need a shell.
    assert ("sh" in facts["programs"]) == (facts["shell"] != "none")


@each_image
def test_an_image_is_published_for_both_architectures(name):
    assert FACTS[name]["architectures"] == ["amd64", "arm64"]


def ids(service: str) -> tuple[int, int]:
    """Return the user ID and group ID that a service runs as."""
    user, facts = SERVICES[service].get("user", ""), OFFICIAL[service]
    uid, _, gid = facts["users"].get(user, user or facts["user"]).partition(":")
    return int(uid), int(gid)


@each_service
def test_a_service_runs_as_a_user_that_its_image_defines(name):
    """An image built from scratch defines no users, and its files have no owner, so any numeric user works."""
    user, facts = SERVICES[name].get("user", ""), OFFICIAL[name]

    if facts["folders"]:
        assert user in {"", facts["user"], *facts["users"], *facts["users"].values()}
    else:
        assert re.fullmatch(r"\d+:\d+", user)


@each_service
def test_a_health_check_runs_a_program_in_the_image(name):
    if OFFICIAL[name]["shell"] == "none":
        assert "healthcheck" not in SERVICES[name]
    else:
        kind, program, *_ = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD"
        assert program in OFFICIAL[name]["programs"]


@each_service
def test_an_overridden_entrypoint_runs_a_program_in_the_image(name):
    """A service that does not override the entrypoint needs one in the image. The command becomes its arguments."""
    service, facts = SERVICES[name], OFFICIAL[name]

    if "entrypoint" in service:
        assert service["entrypoint"][0] in facts["programs"]
    else:
        assert facts["entrypoint"]
        assert isinstance(service.get("command", []), list)


def writable(owner: str, mode: int, user: tuple[int, int]) -> bool:
    """Return whether a user may write to a folder with this owner (``uid:gid``) and mode."""
    uid, gid = map(int, owner.split(":"))
    shift = 6 if uid == user[0] else 3 if gid == user[1] else 0
    return mode >> shift & 3 == 3


def folder(service: str, path: str) -> tuple[str, int | None]:
    """Return the owner and mode of a folder in a service's image.

    If the image has no such folder, the engine creates it as root. Its mode is returned as None.
    """
    owner, mode = OFFICIAL[service]["folders"].get(path, "0:0 ").split(" ")
    return owner, int(mode, 8) if mode else None


def tmpfs(service: str) -> list[tuple[str, dict[str, str]]]:
    """Return a service's tmpfs mounts with their options."""
    mounts = (mount.partition(":") for mount in SERVICES[service].get("tmpfs", []))
    return [(path, dict(option.split("=") for option in options.split(","))) for path, _, options in mounts]


@each_service
def test_a_tmpfs_is_writable_by_the_service_user(name):
    for path, options in tmpfs(name):
        mode = int(options["mode"], 8) if "mode" in options else folder(name, path)[1]
        # If the image has no such folder, the tmpfs gets the kernel's default mode, 1777.
        assert writable(
            f"{options.get('uid', 0)}:{options.get('gid', 0)}", 0o1777 if mode is None else mode, ids(name)
        ), path


@each_service
def test_a_tmpfs_over_a_non_root_folder_belongs_to_the_service_user(name):
    """By default, a tmpfs belongs to root and has the folder's mode. runc 1.1.5 ignores the mode in compose.yaml."""
    for path, options in tmpfs(name):
        if folder(name, path)[0] != "0:0":
            assert (int(options["uid"]), int(options["gid"])) == ids(name), path


@each_service
def test_a_volume_mounted_for_writing_is_writable_by_the_service_user(name):
    """A volume that `prepare` does not create gets the owner and mode of the folder in the image."""
    prepared = {mount.partition(":")[0] for mount in SERVICES["prepare"]["volumes"]}
    for mount in SERVICES[name].get("volumes", []):
        source, path, *options = mount.split(":")
        if source in COMPOSE["volumes"] and "ro" not in options and source not in prepared:
            owner, mode = folder(name, path)
            assert writable(owner, mode or 0, ids(name)), mount


@each_service
def test_no_volume_declared_by_an_image_stays_anonymous(name):
    mounted = {mount.split(":")[1] for mount in SERVICES[name].get("volumes", [])} | {path for path, _ in tmpfs(name)}

    assert mounted >= set(OFFICIAL[name]["volumes"])


@each_image
def test_an_image_is_still_supported(name):
    for sentence in image_facts.past_support(date.today(), {name: FACTS[name]}):
        warnings.warn(sentence, stacklevel=1)


def test_an_image_past_its_end_of_support_is_reported():
    facts = {
        "IMAGE_A": {"image": "a:1", "end_of_support": date(2026, 6, 25), "support_source": "a.example"},
        "IMAGE_B": {"image": "b:1", "end_of_support": "unknown", "support_source": "nobody"},
    }

    assert image_facts.past_support(date(2026, 6, 25), facts) == []
    assert image_facts.past_support(date(2026, 6, 26), facts) == [
        "a:1 has not been supported since 2026-06-25 (a.example)."
    ]
