"""The environment for the processes that the lab starts. Only the variables listed here are passed on.

Uses only the standard library, because ``lab/bootstrap.py`` needs it before the lab's Python environment exists.
"""

import os
import time
from collections.abc import Iterable

#: Passed to every process.
EVERYWHERE = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LD_LIBRARY_PATH")
#: Passed only to programs that display something to the user or use the network. The lab's services do not get them:
#: for example, a proxy setting would route an exporter's requests through the proxy.
TOOLS = (
    *("TERM", "COLORTERM", "NO_COLOR", "CI"),
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "BROWSER", "DBUS_SESSION_BUS_ADDRESS"),
    *("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_DIRS", "XDG_CURRENT_DESKTOP"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NIX_SSL_CERT_FILE", "BUILD_CA_FILE"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS", "DOCKER_TLS_VERIFY"),
    *("DOCKER_API_VERSION", "SSH_AUTH_SOCK"),
    *("KUBECONFIG", "KUBE_CONTEXT", "KUBE_VALUES", "IMAGE_REGISTRY", "IMAGE_LOADER"),
)
#: The pip settings that are passed on: where to get packages and how to reach the index, but not where to install.
PIP = (
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "keyring-provider"),
    *("proxy", "cert", "client-cert", "timeout", "default-timeout", "retries", "cache-dir", "no-cache-dir"),
)
PIP_VARIABLES = ("PIP_CONFIG_FILE", *(f"PIP_{name.upper().replace('-', '_')}" for name in PIP))
#: Fixed values, so that the machine's language and time zone do not matter.
FIXED = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


def for_services() -> dict[str, str]:
    """Return the base environment for the lab's services and their helpers; each adds its own variables."""
    return _only(EVERYWHERE)


def for_tools() -> dict[str, str]:
    """Return the environment for tools such as pip and Docker."""
    return _only((*EVERYWHERE, *TOOLS, *PIP_VARIABLES))


def clean(settings: Iterable[str]) -> None:
    """Remove all variables from this process's environment except those for tools and the lab's own.

    The lab's variables are its ``settings``, ``RUNTIME``, and every name that starts with ``LAB_``.
    """
    own = (name for name in os.environ if name == "RUNTIME" or name.startswith("LAB_"))
    kept = for_tools() | _only((*settings, *own))
    os.environ.clear()
    os.environ.update(kept)
    time.tzset()


def _only(names: Iterable[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ} | FIXED
