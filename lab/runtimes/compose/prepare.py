"""What must stand before the first container of the Compose runtime: secrets, certificates, NGINX's addresses.

Runs in the one-shot service ``prepare``. Each folder of ``VOLUMES`` is a volume that only those services mount who
need what is in it. What exists is kept, so that it can run at each start.
"""

import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from string import Template

from lab.paths import write_file
from lab.runtimes import certificates, hosts
from lab.runtimes.compose import pod

VOLUMES = Path("/volumes")
#: Keeps what the others are made from. No other service mounts it.
AUTHORITY = VOLUMES / "authority"
TEMPLATE = Path("/srv/listen.conf.template")


def secret(name: str, size: int = 32, make: Callable[[int], str] = secrets.token_urlsafe) -> str:
    """Return the secret of that name, made the first time from so many random bytes."""
    path = AUTHORITY / name
    if not path.exists():
        write(path, make(size), 0o600)
    return path.read_text()


def write(path: Path, text: str, mode: int = 0o444) -> None:
    """Write a file whole or not at all. By default every user may read it: who mounts its volume decides who can."""
    write_file(path, text, mode)


def write_certificates(hosts: list[str], days: int | None = None) -> None:
    """Renew the shop's certificate when that is due, for NGINX, and give out the authority's for who asks NGINX.

    With ``days`` it is made anew, to end after so many.
    """
    folder = AUTHORITY / "tls"
    made = certificates.issue(folder, hosts, timedelta(days)) if days else certificates.ensure(folder, hosts)
    for source, folder in ((made.shop, "nginx-made"), (made.shop_key, "nginx-made"), (made.ca, "ca")):
        write(VOLUMES / folder / source.name, source.read_text())
    for sentence in made.done:
        print(sentence)


def write_credentials() -> None:
    """Give each service what it proves itself with, and nothing else."""
    roles = {role: secret(f"postgres-{role}") for role in ("admin", "owner", "shop", "exporter")}
    for role, password in roles.items():
        write(VOLUMES / "postgres-secrets" / f"{role}-password", password)
    for role, folder in (("shop", "app-secrets"), ("owner", "migrate-secrets")):
        # Of its own for each: what migrates the schema signs nothing.
        write(VOLUMES / folder / "secret-key", secret(f"{role}-secret-key", 64))
        write(VOLUMES / folder / "database-url", f"postgres://{role}:{roles[role]}@postgres:5432/shop")
    write(VOLUMES / "postgres-exporter-secrets" / "password", roles["exporter"])

    users = {user: secret(f"valkey-{user}") for user in ("shop", "exporter")}
    write(VOLUMES / "app-secrets" / "cache-url", f"redis://shop:{users['shop']}@valkey:6379/0")
    write(
        VOLUMES / "redis-exporter-secrets" / "passwords.json",
        json.dumps({"redis://exporter@valkey:6379": users["exporter"]}),
    )
    # Hexadecimal: NGINX does not tell capitals from small letters.
    token = secret("lab-token", make=secrets.token_hex, size=16)
    for folder in ("app-secrets", "loadtest-secrets"):
        write(VOLUMES / folder / "lab-token", token)
    write(VOLUMES / "nginx-made" / "lab-token.conf", f"{token} right;\n")
    digests = {user: hashlib.sha256(password.encode()).hexdigest() for user, password in users.items()}
    write(
        VOLUMES / "valkey-secrets" / "users.acl",
        # Without a password one may ask whether it lives.
        "user default on nopass -@all +ping\n"
        f"user shop on #{digests['shop']} ~* -@all +@connection -@admin -@dangerous"
        " +get +set +setex +psetex +del +exists\n"
        f"user exporter on #{digests['exporter']} -@all +@connection -@admin -@dangerous +info"
        " +config|get +slowlog|get +slowlog|len +latency|latest +latency|histogram +client|list +dbsize\n",
    )
    write(VOLUMES / "grafana-secrets" / "admin-password", secret("grafana-admin", 18))


def write_listen_conf(names: list[str]) -> None:
    """Write where NGINX listens: the pod's own ports, and the published one that a redirect leads to."""
    values = {
        "LISTEN_ADDRESS": "0.0.0.0",
        # As an NGINX from 1.25.1 on has it; both kinds of images have a newer one.
        "HTTP2": "; http2 on; include http2.conf",
        **pod.PORTS,
        "SHOP_HTTPS_AUTHORITY_PORT": f":{os.environ['SHOP_HTTPS_PORT']}",
        "SHOP_HOSTS": " ".join(names),
    }
    write(VOLUMES / "nginx-made" / "listen.conf", Template(TEMPLATE.read_text()).substitute(values))


def refuse_unseen_files() -> None:
    """Exit with a sentence when this container does not see the checkout's files, which others mount as well."""
    if TEMPLATE.is_dir():
        sys.exit(
            "the Docker engine does not see this checkout's files: the engine is on another machine, or this "
            "shell is in a container. Run the lab where the engine runs, or use RUNTIME=host"
        )
    if not os.access(TEMPLATE, os.R_OK):
        sys.exit(
            "containers cannot read this checkout's files: start it with `make up`, or run `chmod -R a+rX alertmanager "
            "blackbox docs grafana nginx postgres prometheus`"
        )


def main(days: int | None = None) -> None:
    """Write all of it; with ``days`` a certificate that ends after so many, for a drill."""
    refuse_unseen_files()
    # `localhost` for the browser on this machine, `shop` for who asks from another container.
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
