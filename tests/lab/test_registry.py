"""Test `make images` with the real docker command, which queries a local test registry and needs no engine."""

import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from lab import cli
from lab.runtimes import certificates, settings
from lab.runtimes.compose import registry
from tests.lab.test_runtimes import NOWHERE, needs_docker, script_in

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
#: The architectures of each tag in the registry.
TAGS = {"both": ["amd64", "arm64"], "amd64-only": ["amd64"]}


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def config(architecture: str) -> bytes:
    rootfs = {"type": "layers", "diff_ids": []}
    return json.dumps({"os": "linux", "architecture": architecture, "rootfs": rootfs}).encode()


def manifest(architecture: str) -> bytes:
    content = config(architecture)
    config_of = {"mediaType": CONFIG, "digest": digest(content), "size": len(content)}
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config_of, "layers": []}).encode()


def index(architectures: list[str]) -> bytes:
    manifests = [
        {
            "mediaType": MANIFEST,
            "digest": digest(manifest(each)),
            "size": len(manifest(each)),
            "platform": {"os": "linux", "architecture": each},
        }
        for each in architectures
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()


#: The media type and content of each manifest and config, by the last segment of its URL: a tag or a digest.
CONTENTS = {
    **{tag: (INDEX, index(architectures)) for tag, architectures in TAGS.items()},
    "single": (MANIFEST, manifest("amd64")),
    **{digest(manifest(each)): (MANIFEST, manifest(each)) for each in ("amd64", "arm64")},
    **{digest(config(each)): (CONFIG, config(each)) for each in ("amd64", "arm64")},
}
NOT_FOUND = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'


class Registry(BaseHTTPRequestHandler):
    """The part of the registry API that `docker manifest inspect` needs."""

    def do_GET(self) -> None:
        kind, content = CONTENTS.get(self.path.rpartition("/")[2], ("application/json", NOT_FOUND))
        self.send_response(404 if content is NOT_FOUND and self.path != "/v2/" else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", digest(content))
        self.end_headers()
        self.wfile.write(content if self.command == "GET" else b"")

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry_host(tmp_path, monkeypatch) -> Iterator[str]:
    """The host and port of a registry that the docker command trusts. No engine is reachable."""
    made = certificates.ensure(tmp_path, ["localhost"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made.shop, made.shop_key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(made.ca))
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    yield f"localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def all_but(**images: str) -> dict[str, str]:
    """Return the settings with only these official images. All others are built locally, so they are not checked."""
    return settings.load({}) | dict.fromkeys(settings.OFFICIAL_IMAGES, "localhost/pomar/app:official") | images


@needs_docker
def test_images_for_both_architectures_are_found(registry_host):
    image = f"{registry_host}/lab/image:both"

    assert list(registry.check(all_but(IMAGE_NGINX=image))) == [(image, "")]


@needs_docker
@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        ("amd64-only", "does not list linux/arm64"),
        ("single", "does not list linux/amd64 and linux/arm64"),
        ("9.9", "was not found (manifest unknown)"),
    ],
)
def test_an_image_that_cannot_be_pulled_everywhere_is_reported(registry_host, tag, problem):
    image = f"{registry_host}/lab/image:{tag}"

    found = dict(registry.check(all_but(IMAGE_NGINX=image)))

    assert found[image] == f"IMAGE_NGINX: {image} {problem}; set IMAGE_NGINX in .env to a tag that exists."


def test_every_official_image_is_checked(monkeypatch, tmp_path):
    script_in(tmp_path / "docker", "echo no such manifest >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = settings.load({})

    found = [image for image, _ in registry.check(wanted)]

    assert found == [wanted[name] for name in settings.OFFICIAL_IMAGES if not wanted[name].startswith("localhost/")]


@needs_docker
def test_the_command_lists_the_images_and_fails_if_one_is_missing(registry_host, monkeypatch):
    images = {"IMAGE_PYTHON": f"{registry_host}/lab/image:both", "IMAGE_NGINX": f"{registry_host}/lab/image:9"}
    for name, image in all_but(**images).items():
        if name in settings.OFFICIAL_IMAGES:
            monkeypatch.setenv(name, image)

    done = CliRunner().invoke(cli.main, ["images"])

    assert done.exit_code == 1
    assert f"  ✓ {registry_host}/lab/image:both\n" in done.output
    assert f"  ✗ {registry_host}/lab/image:9\n" in done.output
    assert done.output.splitlines()[-1].startswith(f"IMAGE_NGINX: {registry_host}/lab/image:9 was not found")


def test_without_docker_the_command_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    done = CliRunner().invoke(cli.main, ["images"])

    assert done.exit_code == 1
    assert done.output == "lab: the docker command cannot be run (No such file or directory): install Docker.\n"
