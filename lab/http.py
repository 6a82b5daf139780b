"""An HTTP client for the lab's own URLs. It ignores proxy settings in the environment."""

import requests

session = requests.Session()
session.trust_env = False
get = session.get


def visitor(ca_file: str) -> requests.Session:
    """Return a separate client that trusts only certificates issued by this CA."""
    found = requests.Session()
    found.trust_env = False
    found.verify = ca_file
    return found
