"""The environment of the processes that the lab starts: what is listed here passes through, and nothing else.

Uses the standard library only: ``lab/bootstrap.py`` needs it before the lab's own Python environment exists.
"""

import os
import time
from collections.abc import Iterable

#: What every process gets.
EVERYWHERE = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LD_LIBRARY_PATH")
#: What only programs get that show something to the user, or that reach into the network. The lab's services get none
#: of it: a proxy, for one, would come between an exporter and what it reads.
TOOLS = (
    *("TERM", "COLORTERM", "NO_COLOR", "CI"),
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "BROWSER", "DBUS_SESSION_BUS_ADDRESS"),
    *("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_DIRS", "XDG_CURRENT_DESKTOP"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NIX_SSL_CERT_FILE", "BUILD_CA_FILE"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS", "DOCKER_TLS_VERIFY"),
    *("DOCKER_API_VERSION", "SSH_AUTH_SOCK"),
)
#: Settings of pip that pass through: where packages come from and how to reach them, not where they are installed.
PIP = (
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "keyring-provider"),
    *("proxy", "cert", "client-cert", "timeout", "default-timeout", "retries", "cache-dir", "no-cache-dir"),
)
PIP_VARIABLES = ("PIP_CONFIG_FILE", *(f"PIP_{name.upper().replace('-', '_')}" for name in PIP))
#: What is the same on every machine, so that neither its language nor its time zone matters.
FIXED = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


def for_services() -> dict[str, str]:
    """Return the environment of the lab's services and of what acts as one of them, to which each adds its own."""
    return _only(EVERYWHERE)


def for_tools() -> dict[str, str]:
    """Return the environment of pip, Docker and their like."""
    return _only((*EVERYWHERE, *TOOLS, *PIP_VARIABLES))


def clean(settings: Iterable[str]) -> None:
    """Reduce this process's own environment, which all that it starts inherit, to that of tools and to the lab's own.

    The lab's own are its ``settings``, ``RUNTIME``, and every name that begins with ``LAB_``.
    """
    own = (name for name in os.environ if name == "RUNTIME" or name.startswith("LAB_"))
    kept = for_tools() | _only((*settings, *own))
    os.environ.clear()
    os.environ.update(kept)
    time.tzset()


def _only(names: Iterable[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ} | FIXED
