"""Prepare the Compose runtime before its first container starts: secrets, certificates and NGINX's listen.conf.

Runs in the one-shot service ``prepare`` whenever the lab starts. Existing secrets and certificates are kept. Each
folder in ``VOLUMES`` is a volume, mounted only by the services that need its files.
"""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from string import Template

from lab.paths import write_file
from lab.runtimes import certificates, credentials, hosts
from lab.runtimes.compose import pod

VOLUMES = Path("/volumes")
#: Keeps the originals of all secrets and certificates. No other service mounts it.
AUTHORITY = VOLUMES / "authority"
TEMPLATE = Path("/srv/listen.conf.template")


def secret(name: str, make: Callable[[], str]) -> str:
    """Return the secret with this name. If it does not exist, create it."""
    path = AUTHORITY / name
    if not path.exists():
        write(path, make(), 0o600)
    return path.read_text()


def write(path: Path, text: str, mode: int = 0o444) -> None:
    """Write a file atomically. By default, any user may read it, but only in containers that mount its volume."""
    write_file(path, text, mode)


def write_certificates(hosts: list[str], days: int | None = None) -> None:
    """Renew the shop's certificate for NGINX if it is due, and publish the CA certificate for NGINX's clients.

    With ``days``, issue a new certificate that expires after that many days.
    """
    folder = AUTHORITY / "tls"
    made = certificates.issue(folder, hosts, timedelta(days)) if days else certificates.ensure(folder, hosts)
    for source, folder in ((made.shop, "nginx-made"), (made.shop_key, "nginx-made"), (made.ca, "ca")):
        write(VOLUMES / folder / source.name, source.read_text())
    for sentence in made.done:
        print(sentence)


def write_credentials() -> None:
    """Give each service its own credentials, and nothing else."""
    for path, text in credentials.files(secret, postgres="postgres", valkey="valkey").items():
        write(VOLUMES / path, text)


def write_listen_conf(names: list[str]) -> None:
    """Write NGINX's listen.conf: the ports inside the pod, and the published port for redirects."""
    values = {
        "LISTEN_ADDRESS": "0.0.0.0",
        # The syntax since NGINX 1.25.1. NGINX is newer than that in every kind of image.
        "HTTP2": "; http2 on; include http2.conf",
        "VISITOR_SCHEME": "$scheme",
        **pod.PORTS,
        "SHOP_HTTPS_AUTHORITY_PORT": f":{os.environ['SHOP_HTTPS_PORT']}",
        "SHOP_HOSTS": " ".join(names),
    }
    write(VOLUMES / "nginx-made" / "listen.conf", Template(TEMPLATE.read_text()).substitute(values))


def refuse_unseen_files() -> None:
    """Exit with an error if this container cannot read the checkout's files, which other containers also mount."""
    if TEMPLATE.is_dir():
        sys.exit(
            "the Docker engine does not see this checkout's files: the engine is on another machine, or this "
            "shell is in a container. Run the lab on the engine's machine, or use RUNTIME=host"
        )
    if not os.access(TEMPLATE, os.R_OK):
        sys.exit(
            "containers cannot read this checkout's files: start it with `make up`, or run `chmod -R a+rX alertmanager "
            "blackbox docs grafana nginx postgres prometheus`"
        )


def main(days: int | None = None) -> None:
    """Write everything. With ``days``, issue a certificate that expires after that many days, for a drill."""
    refuse_unseen_files()
    # `localhost` for a browser on this machine, `shop` for clients in other containers.
    try:
        named = hosts.read(os.environ["SHOP_HOSTS"])
    except ValueError as error:
        sys.exit(f"SHOP_HOSTS is {os.environ['SHOP_HOSTS']!r}, but must be {error}: correct it in .env.")
    names = list(dict.fromkeys([*named, "localhost", "127.0.0.1", "shop"]))
    write_certificates(names, days)
    write_credentials()
    write_listen_conf(names)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
