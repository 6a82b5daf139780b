"""Create the release's Secrets and renew the shop's certificate, in the chart's Job ``prepare``.

The Job may create Secrets, but it may read and replace only the certificate and its authority. An existing Secret with
passwords is kept. Environment variables:

- ``NAMESPACE`` and ``SECRET_LABELS`` (JSON): where the Secrets are, and their labels.
- ``SECRET``, ``POSTGRES_HOST``, ``VALKEY_HOST``: the Secret with all passwords, and the hosts in its URLs. The keys are
  named SERVICE-FILE. Without ``SECRET``, none is created.
- ``TLS_SECRET``, ``AUTHORITY_SECRET``, ``SHOP_HOSTS``: the Secrets with the certificate and its authority, and the host
  names in the certificate. Without ``TLS_SECRET``, none is created.
"""

import base64
import json
import os
import ssl
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from lab.runtimes import certificates, credentials, hosts

API = "https://kubernetes.default.svc"
#: The token and the CA certificate of the Job's service account.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CONFLICT, NOT_FOUND = 409, 404

#: The certificate's files and their keys in each Secret.
IN_TLS = {"shop.crt": "tls.crt", "shop.key": "tls.key", "ca.crt": "ca.crt"}
IN_AUTHORITY = {"ca.crt": "tls.crt", "ca.key": "tls.key"}


class Secrets:
    """The Secrets of one namespace, through the Kubernetes API."""

    def __init__(self, namespace: str, labels: dict[str, str]) -> None:
        self._url = f"{API}/api/v1/namespaces/{namespace}/secrets"
        self._labels = labels
        self._trust = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")

    def _request(self, method: str, url: str, body: dict | None = None) -> dict:
        token = (ACCOUNT / "token").read_text()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = Request(url, json.dumps(body).encode() if body else None, headers, method=method)
        with urlopen(request, timeout=30, context=self._trust) as response:
            return json.load(response)

    def get(self, name: str) -> dict | None:
        """Return a Secret. None if it does not exist."""
        try:
            return self._request("GET", f"{self._url}/{name}")
        except HTTPError as error:
            if error.code == NOT_FOUND:
                return None
            raise

    def create(self, name: str, data: dict[str, str], kind: str = "Opaque") -> bool:
        """Create a Secret from text. Return False if it already exists."""
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": self._labels},
            "type": kind,
            "data": encoded(data),
        }
        try:
            self._request("POST", self._url, secret)
        except HTTPError as error:
            if error.code == CONFLICT:
                return False
            raise
        return True

    def write(self, name: str, data: dict[str, str], existing: dict | None) -> None:
        """Create a TLS Secret, or replace the one that :meth:`get` returned.

        If it has changed since then, exits with one sentence or raises HTTPError. The Job then runs again.
        """
        if existing:
            self._request("PUT", f"{self._url}/{name}", {**existing, "data": encoded(data)})
        elif not self.create(name, data, "kubernetes.io/tls"):
            sys.exit(f"The Secret {name} was created by another Job at the same time.")


def encoded(data: dict[str, str]) -> dict[str, str]:
    """Return the data as the API represents it."""
    return {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}


def all_credentials(postgres: str, valkey: str) -> dict[str, str]:
    """Return new credentials for all services, by SERVICE-FILE."""
    files = credentials.files(lambda name, make: make(), postgres=postgres, valkey=valkey)
    return {path.replace("-secrets/", "-").replace("-made/", "-"): text for path, text in files.items()}


def renew_certificate(secrets: Secrets, tls: str, authority: str, names: list[str], days: int | None) -> None:
    """Issue or renew the certificate if it is due. With ``days``, issue one that expires after that many days."""
    existing = {name: secrets.get(name) for name in (authority, tls)}
    keys = {authority: IN_AUTHORITY, tls: IN_TLS}
    with TemporaryDirectory() as name:
        folder = Path(name)
        for secret, files in keys.items():
            for file, key in files.items():
                if encoded_text := ((existing[secret] or {}).get("data") or {}).get(key):
                    (folder / file).write_bytes(base64.b64decode(encoded_text))
        before = contents(folder)
        made = certificates.issue(folder, names, timedelta(days)) if days else certificates.ensure(folder, names)
        after = contents(folder)
    for sentence in made.done:
        print(sentence.replace(f"{made.ca}", f"the key ca.crt of the Secret {tls}"))
    for secret, files in keys.items():
        if any(before.get(file) != after[file] for file in files):
            secrets.write(secret, {key: after[file] for file, key in files.items()}, existing[secret])


def contents(folder: Path) -> dict[str, str]:
    """Return the text of each file in a folder."""
    return {path.name: path.read_text() for path in folder.iterdir()}


def main(days: int | None = None) -> None:
    """Create everything that is missing. With ``days``, issue a certificate that expires after that many days."""
    given = os.environ
    try:
        names = hosts.read(given["SHOP_HOSTS"])
    except ValueError as error:
        sys.exit(f"The hosts are {given['SHOP_HOSTS']!r}, but must be {error}: correct them in the values.")
    secrets = Secrets(given["NAMESPACE"], json.loads(given["SECRET_LABELS"]))
    if name := given.get("SECRET"):
        created = secrets.create(name, all_credentials(given["POSTGRES_HOST"], given["VALKEY_HOST"]))
        print(f"{'Created' if created else 'Kept'} the Secret {name}.")
    if name := given.get("TLS_SECRET"):
        renew_certificate(secrets, name, given["AUTHORITY_SECRET"], names, days)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
