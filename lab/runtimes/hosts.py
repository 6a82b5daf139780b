"""The names under which the shop answers: what NGINX, Django and the shop's certificate all accept."""

import ipaddress
import re

#: As many of the longest as fit into a certificate of 16 KiB, which every client accepts.
MOST = 64
LONGEST = 253
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def read(text: str) -> list[str]:
    """Return the host names and IPv4 addresses of a list with commas, in lower case, each once.

    Raises ValueError, with what the list must be, for any other text.
    """
    hosts = list(dict.fromkeys(text.lower().split(",")))
    wrong = [host for host in hosts if not _is_host(host)]
    if wrong or len(hosts) > MOST:
        reason = f"; {wrong[0]!r} is neither" if wrong else ""
        raise ValueError(f"a comma-separated list of at most {MOST} host names or IPv4 addresses{reason}")
    return hosts


def _is_host(host: str) -> bool:
    labels = host.split(".")
    # Browsers take a name whose last label is a number for an address.
    if labels[-1].isdigit():
        return _is_address(host)
    return len(host) <= LONGEST and all(map(LABEL.fullmatch, labels))


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
