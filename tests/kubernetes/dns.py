"""The names of Services, for dnsmasq, which is the DNS server of the test cluster."""

import socket
import struct
from collections.abc import Iterable, Iterator, Mapping

DOMAIN = "svc.cluster.local"


def hosts(services: Iterable[Mapping], endpoints: Iterable[Mapping]) -> str:
    """Return a hosts file for these objects of the Kubernetes API.

    A Service has its cluster IP, and a headless Service has the addresses of its ready pods. A pod with a host name
    and a headless Service has a name of its own, as the pods of a StatefulSet do.
    """
    of_pods = {_name(each): list(_addresses(each)) for each in endpoints}
    lines = []
    for service in services:
        name, address = _name(service), service["spec"].get("clusterIP")
        if address == "None":
            lines += [f"{ip} {name}" for ip, _ in of_pods.get(name, [])]
            lines += [f"{ip} {pod}.{name}" for ip, pod in of_pods.get(name, []) if pod]
        elif address:
            lines.append(f"{address} {name}")
    return "".join(f"{line}\n" for line in sorted(lines))


def resolves(name: str, server: str) -> bool:
    """Return whether a DNS server responds with an address for a name. Raises OSError if it does not respond in 1 s."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    # ID 1, recursion desired, one question: the type A in the class IN.
    question = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!B2H", 0, 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect((server, 53))
        client.send(question)
        _, flags, _, answers = struct.unpack("!4H", client.recv(512)[:8])
    return flags & 0x000F == 0 and answers > 0


def _name(entry: Mapping) -> str:
    return f"{entry['metadata']['name']}.{entry['metadata']['namespace']}.{DOMAIN}"


def _addresses(endpoints: Mapping) -> Iterator[tuple[str, str]]:
    """Yield the IP address and the host name, which may be empty, of each ready pod."""
    for subset in endpoints.get("subsets") or ():
        for address in subset.get("addresses") or ():
            yield address["ip"], address.get("hostname", "")
