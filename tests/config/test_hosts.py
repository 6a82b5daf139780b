"""Test that NGINX, Django and the shop's certificate accept every SHOP_HOSTS value that the lab accepts."""

import subprocess

import pytest
from cryptography import x509
from django.http.request import split_domain_port, validate_host

from lab.errors import LabError
from lab.runtimes import certificates, hosts, settings
from tests.config.front import Front, read_all

LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
ACCEPTED = {
    "51 characters": "a" * 39 + ".shop.example",
    "a label of 63 characters": "a" * 63 + ".example",
    "253 characters": LONGEST,
    "the most and longest": ",".join(f"{number:02}{LONGEST[2:]}" for number in range(hosts.MAX_HOSTS)),
    "an address": "192.0.2.7",
    "upper case": "Shop.EXAMPLE",
    "one name twice": "shop.example,SHOP.example,localhost",
    "an international name": "xn--bcher-kva.example",
    "a number for a label": "1.shop.example,123abc",
    "one letter": "a",
    "hyphens inside": "a--b.c-d",
    "words of NGINX": "default,on,off,server-name",
}
REFUSED = {
    "two dots": "a..b",
    "dots alone": "..",
    "a dot alone": ".",
    "254 characters": LONGEST + "d",
    "a label of 64 characters": "a" * 64 + ".example",
    "a dot at the end": "shop.example.",
    "a dot at the beginning": ".shop.example",
    "a hyphen at the beginning": "-shop.example",
    "a hyphen at the end": "shop-.example",
    "a hyphen alone": "-",
    "an underscore": "my_shop.example",
    "a wildcard": "*.example",
    "a wildcard alone": "*",
    "a regular expression": "~shop",
    "letters that are not ASCII": "bücher.example",
    "digits that are not ASCII": "shop\u0663.example",
    "an address out of range": "300.1.1.1",
    "half an address": "192.0.2",
    "an address with zeros": "010.0.0.1",
    "a number": "12345",
    "an address of IPv6": "::1",
    "a port": "shop.example:8443",
    "an empty item": "shop.example,,localhost",
    "a comma at the end": "shop.example,",
    "a blank": "shop.example, localhost",
    "a line break": "shop.example\n",
    "a variable of NGINX": "$host",
    "an end of NGINX's directive": "shop.example;",
    "too many": ",".join(f"shop{number}.example" for number in range(hosts.MAX_HOSTS + 1)),
}


@pytest.mark.parametrize("value", ACCEPTED.values(), ids=ACCEPTED)
def test_a_valid_host_is_accepted_by_every_tier(tmp_path, value):
    names = settings.load({"SHOP_HOSTS": value})["SHOP_HOSTS"].split(",")
    front = Front(tmp_path, names)

    checked = subprocess.run(front.command("-t"), capture_output=True, text=True, timeout=10)
    (certificate,) = x509.load_pem_x509_certificates((front.prefix / "made" / "shop.crt").read_bytes())

    assert (checked.returncode, "[" in checked.stderr) == (0, False), checked.stderr
    assert len(names) == len({name.lower() for name in names})
    assert set(certificates._names(names)) == set(
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    )
    assert all(validate_host(split_domain_port(f"{name}:8443")[0], names) for name in names)


def test_the_longest_host_is_served_with_the_largest_certificate(tmp_path):
    names = hosts.read(ACCEPTED["the most and longest"])
    front = Front(tmp_path, [*names, "localhost"])

    with front.running(), front.app_running(), front.connection(name=names[-1]) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {names[-1]}\r\nConnection: close\r\n\r\n".encode())
        response = read_all(connection)

    assert response.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_an_invalid_host_is_refused_with_a_one_line_error(value):
    with pytest.raises(LabError) as error:
        settings.load({"SHOP_HOSTS": value})

    assert "but must be a comma-separated list of at most 64 host names or IPv4 addresses" in error.value.message
    assert "\n" not in error.value.message


def test_the_error_names_the_invalid_host():
    with pytest.raises(ValueError, match=r"'a\.\.b' is neither$"):
        hosts.read("localhost,a..b,127.0.0.1")
