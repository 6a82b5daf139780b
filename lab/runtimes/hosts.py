"""The shop's host names, which NGINX, Django and the shop's certificate all accept."""

import ipaddress
import re

#: This many names of maximum length fit into a 16 KiB certificate. Every client accepts that size.
MAX_HOSTS = 64
MAX_LENGTH = 253
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def read(text: str) -> list[str]:
    """Return the host names and IPv4 addresses in a comma-separated list, in lower case and without duplicates.

    If the list is invalid, raises ValueError with a description of a valid one.
    """
    hosts = list(dict.fromkeys(text.lower().split(",")))
    wrong = [host for host in hosts if not _is_host(host)]
    if wrong or len(hosts) > MAX_HOSTS:
        reason = f"; {wrong[0]!r} is neither" if wrong else ""
        raise ValueError(f"a comma-separated list of at most {MAX_HOSTS} host names or IPv4 addresses{reason}")
    return hosts


def _is_host(host: str) -> bool:
    labels = host.split(".")
    # Browsers treat a name whose last label is a number as an IP address.
    if labels[-1].isdigit():
        return _is_address(host)
    return len(host) <= MAX_LENGTH and all(map(LABEL.fullmatch, labels))


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
