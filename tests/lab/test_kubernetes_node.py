"""The parts of the test cluster that need neither root nor a cluster: names, images and control groups."""

import io
import json
import tarfile

import pytest

from lab.errors import LabError
from tests.kubernetes import cgroups, dns, images


def service(name: str, address: str) -> dict:
    """Return a Service of the API with this cluster IP."""
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"clusterIP": address}}


def endpoints(name: str, *subsets: dict) -> dict:
    """Return the endpoints of a Service."""
    return {"metadata": {"name": name, "namespace": "shop"}, "subsets": list(subsets)}


def test_a_service_has_its_cluster_address_and_a_headless_one_its_ready_pods():
    services = [service("web", "10.96.0.7"), service("postgres", "None"), service("elsewhere", "")]
    pods = {
        "addresses": [{"ip": "10.244.0.5", "hostname": "postgres-0"}, {"ip": "10.244.0.6"}],
        "notReadyAddresses": [{"ip": "10.244.0.9"}],
    }

    assert dns.hosts(services, [endpoints("postgres", pods), endpoints("web", pods)]) == (
        "10.244.0.5 postgres-0.postgres.shop.svc.cluster.local\n"
        "10.244.0.5 postgres.shop.svc.cluster.local\n"
        "10.244.0.6 postgres.shop.svc.cluster.local\n"
        "10.96.0.7 web.shop.svc.cluster.local\n"
    )


def test_a_headless_service_without_pods_has_no_name():
    assert dns.hosts([service("postgres", "None")], [endpoints("postgres")]) == ""


def test_an_image_archive_contains_its_program_under_its_name(tmp_path):
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")

    archive = images.archive("localhost/a:1", images.layer({"bin/a": program}), ["/bin/a"])

    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        (manifest,) = json.load(outer.extractfile("manifest.json"))
        assert manifest["RepoTags"] == ["localhost/a:1"]
        assert json.load(outer.extractfile(manifest["Config"]))["config"]["Entrypoint"] == ["/bin/a"]
        with tarfile.open(fileobj=outer.extractfile(*manifest["Layers"])) as layer:
            assert layer.extractfile("bin/a").read() == b"\x7fELF"
            assert layer.getmember("bin/a").mode == 0o755


def test_a_control_group_of_version_2_has_every_controller(monkeypatch, tmp_path):
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")

    cgroups.create("pomar-1")

    assert (tmp_path / "pomar-1").is_dir()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"


def test_no_control_group_is_created_for_a_version_that_the_cluster_does_not_use(monkeypatch, tmp_path):
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    for name in ("cpu", "memory", "unified"):
        (tmp_path / name).mkdir()

    cgroups.create("pomar-1")

    assert sorted(path.parent.name for path in tmp_path.glob("*/pomar-1")) == ["cpu", "memory"]


def test_a_control_group_is_removed_with_the_groups_in_it(monkeypatch, tmp_path):
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    for controller in ("cpu", "memory"):
        (tmp_path / controller / "pomar-1" / "kubepods" / "burstable" / "pod").mkdir(parents=True)
        (tmp_path / controller / "docker").mkdir()

    cgroups.remove("pomar-1")

    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        *("cpu", "cpu/docker", "memory", "memory/docker")
    ]


def test_a_control_group_in_use_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(cgroups, "ROOT", tmp_path)
    monkeypatch.setattr(cgroups, "SECONDS", 0)
    (tmp_path / "cpu" / "pomar-1").mkdir(parents=True)
    (tmp_path / "cpu" / "pomar-1" / "held").touch()

    with pytest.raises(LabError, match="cpu/pomar-1 is in use: Directory not empty"):
        cgroups.remove("pomar-1")
