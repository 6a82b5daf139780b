"""Test when the blackbox exporter's probes of the shop succeed and when they fail."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from cryptography import x509
from prometheus_client.parser import text_string_to_metric_families

from lab.runtimes import certificates
from lab.runtimes.ports import free_ports
from tests.config.front import HOSTS, ROOT, Front, can_connect, ending
from tests.eventually import eventually
from tests.programs import program


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A healthy shop."""
    shop = Front(tmp_path_factory.mktemp("shop"))
    with shop.running(), shop.app_running():
        yield shop


@pytest.fixture(scope="module")
def old_shop(tmp_path_factory):
    """A shop with an expired certificate from a trusted CA."""
    old_shop = Front(tmp_path_factory.mktemp("old-shop"))
    folder = old_shop.ca.parent
    for path in (*folder.glob("*.crt"), *folder.glob("*.key")):
        path.unlink()
    certificates.ensure(folder, HOSTS, now=datetime.now(UTC) - timedelta(days=91))
    with old_shop.running():
        yield old_shop


@pytest.fixture(scope="module")
def named_shop(tmp_path_factory):
    """A healthy shop that accepts no other name than its public one."""
    named_shop = Front(tmp_path_factory.mktemp("named-shop"), hosts=["shop.example.org"])
    with named_shop.running(), named_shop.app_running():
        yield named_shop


@pytest.fixture(scope="module")
def probe(shop, old_shop, named_shop, tmp_path_factory):
    """A function that probes a URL with a module from blackbox/blackbox.yml. It trusts all shops' CAs."""
    folder = tmp_path_factory.mktemp("blackbox")
    (folder / "tls").mkdir()
    (folder / "tls" / "ca.crt").write_bytes(b"".join(each.ca.read_bytes() for each in (shop, old_shop, named_shop)))
    (port,) = free_ports(1)
    command = [program("prometheus-blackbox-exporter"), f"--config.file={ROOT / 'blackbox' / 'blackbox.yml'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}"]

    def ask(module: str, target: str, **more: str) -> dict[str, float]:
        parameters = {"module": module, "target": target, **more}
        text = requests.get(f"http://127.0.0.1:{port}/probe", params=parameters, timeout=10).text
        return {one.name: one.value for family in text_string_to_metric_families(text) for one in family.samples}

    with (folder / "log").open("ab") as log, ending(command, cwd=folder, stdout=log, stderr=log):
        eventually(lambda: can_connect(port), because="the blackbox exporter starts")
        yield ask


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_healthy_shop_passes_and_its_certificate_expiry_is_reported(shop, probe, host):
    seen = probe("shop", f"https://{host}:{shop.https}/health/ready")

    certificate = x509.load_pem_x509_certificate((shop.ca.parent / "shop.crt").read_bytes())
    assert (seen["probe_success"], seen["probe_http_status_code"], seen["probe_http_ssl"]) == (1, 200, 1)
    assert seen["probe_ssl_earliest_cert_expiry"] == certificate.not_valid_after_utc.timestamp()


@pytest.mark.parametrize("status", [203, 302, 404, 500, 503])
def test_a_status_other_than_200_fails(shop, probe, status):
    seen = probe("shop", f"https://127.0.0.1:{shop.https}/?status={status}")

    assert (seen["probe_success"], seen["probe_http_status_code"]) == (0, status)


def test_a_page_without_tls_fails(shop, probe):
    seen = probe("shop", f"http://127.0.0.1:{shop.status}/nginx/status")

    assert (seen["probe_success"], seen["probe_http_status_code"], seen["probe_http_ssl"]) == (0, 200, 0)


def test_a_certificate_from_an_unknown_ca_fails(probe, tmp_path):
    stranger = Front(tmp_path)
    with stranger.running():
        seen = probe("shop", f"https://127.0.0.1:{stranger.https}/")

    assert (seen["probe_success"], seen["probe_http_status_code"]) == (0, 0)


def test_an_expired_certificate_fails(old_shop, probe):
    seen = probe("shop", f"https://127.0.0.1:{old_shop.https}/")

    assert (seen["probe_success"], seen["probe_http_status_code"]) == (0, 0)


def test_the_redirect_passes_and_is_not_followed(shop, probe):
    seen = probe("redirect", f"http://127.0.0.1:{shop.http}/")

    assert (seen["probe_success"], seen["probe_http_status_code"], seen["probe_http_ssl"]) == (1, 308, 0)


def test_a_page_instead_of_the_redirect_fails(shop, probe):
    seen = probe("redirect", f"http://127.0.0.1:{shop.status}/nginx/status")

    assert (seen["probe_success"], seen["probe_http_status_code"]) == (0, 200)


def test_a_closed_port_fails(probe):
    (port,) = free_ports(1)

    assert probe("shop", f"https://127.0.0.1:{port}/")["probe_success"] == 0


@pytest.mark.parametrize("module", ["shop", "redirect"])
def test_a_shop_behind_another_name_passes_only_with_its_own_name(named_shop, probe, module):
    """On Kubernetes, the target is the shop's Service."""
    urls = {
        "shop": f"https://127.0.0.1:{named_shop.https}/health/ready",
        "redirect": f"http://127.0.0.1:{named_shop.http}/",
    }

    assert probe(module, urls[module])["probe_success"] == 0
    assert probe(module, urls[module], hostname="shop.example.org")["probe_success"] == 1
