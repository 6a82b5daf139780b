"""Detect from a program's output whether it failed because of the network.

Uses only the standard library, because ``lab/bootstrap.py`` needs it before the lab's Python environment exists.
"""

import re

#: How pip, uv, apt, Docker and BuildKit say that they could not connect.
CANNOT_CONNECT = re.compile(
    r"could not resolve|name resolution|temporary failure resolving|name or service not known|no such host"
    r"|dns error|getaddrinfo|network is unreachable|no route to host|(could not|unable to|cannot) connect"
    r"|failed to establish a new connection|connect(ion)? error|error sending request|proxy ?error|dial tcp"
    r"|connection (refused|reset|broken|failed)|timed out|(read|connect|i/o |handshake )timeout|deadline exceeded",
    re.IGNORECASE,
)


def failed(output: str) -> bool:
    """Return whether a program's output shows that it could not connect."""
    return bool(CANNOT_CONNECT.search(output))
