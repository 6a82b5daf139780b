"""The Job that creates a release's Secrets: each once, and never readable again by the Job itself."""

import base64
import copy
import json
import re
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from lab.paths import ROOT
from lab.runtimes import certificates
from lab.runtimes.kubernetes import prepare

READABLE = {"pomar-tls", "pomar-authority"}


class Api(ThreadingHTTPServer):
    """A Kubernetes API with nothing but Secrets, which applies the chart's Role and checks resource versions."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        made = certificates.ensure(folder, ["127.0.0.1"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.shop, made.shop_key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.secrets: dict[str, dict] = {}

    def text(self, name: str) -> dict[str, str]:
        """Return the text in a Secret, by key."""
        return {key: base64.b64decode(value).decode() for key, value in self.secrets[name]["data"].items()}


class Handler(BaseHTTPRequestHandler):
    """Responds to requests for Secrets in the namespace ``shops``."""

    def respond(self, status: int, body: dict) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle_method(self) -> None:
        found = re.fullmatch(r"/api/v1/namespaces/shops/secrets(?:/(\S+))?", self.path)
        secrets, name = self.server.secrets, found[1]
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
        if self.headers["Authorization"] != "Bearer a-token" or (name and name not in READABLE):
            self.respond(403, {})
        elif self.command == "POST":
            name = body["metadata"]["name"]
            if name in secrets:
                return self.respond(409, {})
            body["metadata"]["resourceVersion"] = "1"
            secrets[name] = body
            self.respond(201, body)
        elif name not in secrets:
            self.respond(404, {})
        elif self.command == "PUT":
            version = secrets[name]["metadata"]["resourceVersion"]
            if body["metadata"]["resourceVersion"] != version:
                return self.respond(409, {})
            body["metadata"]["resourceVersion"] = str(int(version) + 1)
            secrets[name] = body
            self.respond(200, body)
        else:
            self.respond(200, secrets[name])

    do_GET = do_POST = do_PUT = handle_method

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The API of an empty namespace, and the Job's environment."""
    (tmp_path / "token").write_text("a-token")
    monkeypatch.setattr(prepare, "ACCOUNT", tmp_path)
    for name, value in {
        "NAMESPACE": "shops",
        "SECRET": "pomar-secrets",
        "TLS_SECRET": "pomar-tls",
        "AUTHORITY_SECRET": "pomar-authority",
        "SECRET_LABELS": '{"kept-for-release": "pomar"}',
        "SHOP_HOSTS": "shop.example,localhost,pomar",
        "POSTGRES_HOST": "pomar-postgres",
        "VALKEY_HOST": "pomar-valkey",
    }.items():
        monkeypatch.setenv(name, value)
    with Api(tmp_path) as api:
        monkeypatch.setattr(prepare, "API", f"https://127.0.0.1:{api.server_port}")
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield api
        api.shutdown()
        thread.join()


def days_left(api: Api) -> int:
    """Return how many whole days remain until the certificate expires."""
    certificate = x509.load_pem_x509_certificate(api.text("pomar-tls")["tls.crt"].encode())
    return (certificate.not_valid_after_utc - datetime.now(UTC)).days


def test_the_first_run_creates_all_secrets_with_the_releases_labels(api):
    prepare.main()

    assert api.secrets.keys() == {"pomar-secrets", "pomar-tls", "pomar-authority"}
    for secret in api.secrets.values():
        assert secret["metadata"]["labels"] == {"kept-for-release": "pomar"}
    assert api.secrets["pomar-tls"]["type"] == "kubernetes.io/tls"


def test_a_second_run_changes_nothing(api, capsys):
    prepare.main()
    first = copy.deepcopy(api.secrets)
    capsys.readouterr()

    prepare.main()

    assert api.secrets == first
    assert capsys.readouterr().out == "Kept the Secret pomar-secrets.\n"


def test_the_passwords_match_each_other_and_name_the_releases_hosts(api):
    prepare.main()

    made = api.text("pomar-secrets")
    for service, role in (("app", "shop"), ("migrate", "owner")):
        url = urlsplit(made[f"{service}-database-url"])
        assert (url.username, url.hostname, url.port, url.path) == (role, "pomar-postgres", 5432, "/shop")
        assert url.password == made[f"postgres-{role}-password"]
    assert urlsplit(made["app-cache-url"]).hostname == "pomar-valkey"
    assert list(json.loads(made["redis-exporter-passwords.json"])) == ["redis://exporter@pomar-valkey:6379"]
    assert made["nginx-lab-token.conf"] == f"{made['app-lab-token']} right;\n"


def test_two_releases_have_no_password_in_common(api):
    first, second = (prepare.all_credentials("postgres", "valkey") for _ in range(2))

    assert first.keys() == second.keys()
    assert {key for key in first if first[key] == second[key]} == set()


def test_the_certificate_is_for_all_hosts_and_signed_by_the_authority(api):
    prepare.main()

    made = api.text("pomar-tls")
    certificate = x509.load_pem_x509_certificate(made["tls.crt"].encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(made["ca.crt"].encode()))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"shop.example", "localhost", "pomar"} <= set(names.get_values_for_type(x509.DNSName))
    assert made["ca.crt"] == api.text("pomar-authority")["tls.crt"]


def test_a_changed_host_renews_the_certificate_with_the_same_authority(api, monkeypatch):
    prepare.main()
    authority = copy.deepcopy(api.secrets["pomar-authority"])
    before = api.text("pomar-tls")
    monkeypatch.setenv("SHOP_HOSTS", "other.example")

    prepare.main()

    after = api.text("pomar-tls")
    assert api.secrets["pomar-authority"] == authority
    assert {key for key in after if after[key] != before[key]} == {"tls.crt", "tls.key"}


def test_a_certificate_that_expires_soon_is_renewed(api):
    prepare.main(7)
    assert days_left(api) == 6

    prepare.main()

    assert days_left(api) == 89


def test_a_change_by_another_job_is_not_overwritten(api, monkeypatch):
    prepare.main(7)
    ensure = certificates.ensure

    def changed_meanwhile(*arguments):
        api.secrets["pomar-tls"]["metadata"]["resourceVersion"] = "9"
        return ensure(*arguments)

    monkeypatch.setattr(certificates, "ensure", changed_meanwhile)

    with pytest.raises(prepare.HTTPError, match="409"):
        prepare.main()
    assert days_left(api) == 6


def test_existing_secrets_are_left_alone(api, monkeypatch):
    monkeypatch.delenv("SECRET")

    prepare.main()

    assert api.secrets.keys() == {"pomar-tls", "pomar-authority"}


def test_an_invalid_host_fails_in_one_sentence_before_anything_is_created(api, monkeypatch):
    monkeypatch.setenv("SHOP_HOSTS", "a..b")

    with pytest.raises(SystemExit, match=r"The hosts are 'a\.\.b', but must be .*: correct them in the values\.$"):
        prepare.main()
    assert api.secrets == {}


@pytest.mark.parametrize("runtime", ["compose", "kubernetes"])
def test_the_image_contains_everything_that_prepare_imports(tmp_path, runtime):
    """Copy what the Dockerfile copies, and import the program from there."""
    for line in re.findall(
        r"^COPY --chmod=0755 (lab.*)$", (ROOT / "loadtest" / "Dockerfile").read_text(), re.MULTILINE
    ):
        *sources, target = line.split()
        for source in sources:
            place = tmp_path / target / Path(source).name if target.endswith("/") else tmp_path / target
            copy_any = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            place.parent.mkdir(parents=True, exist_ok=True)
            copy_any(ROOT / source, place)

    command = [sys.executable, "-c", f"import lab.runtimes.{runtime}.prepare as it; print(it.__file__)"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)

    assert done.stdout.strip() == str(tmp_path / "lab" / "runtimes" / runtime / "prepare.py"), done.stderr


def test_certificates_last_longer_than_the_weekly_job_needs():
    assert timedelta(weeks=1) < certificates.SHOP_RENEWED_BEFORE
