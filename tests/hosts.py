"""A machine whose hosts file says something else of `localhost`."""

import os
from pathlib import Path

#: As most systems have it: of the two, a resolver gives ::1 first.
BOTH = "127.0.0.1 localhost\n::1 localhost\n"
#: Whatever calls `localhost` reaches nothing of the lab.
ONLY_IPV6 = "::1 localhost\n"


def seeing_hosts(text: str, folder: Path) -> list[str]:
    """Return what to write before a command so that it and what it starts see these hosts; root is not needed."""
    file = folder / "hosts"
    file.write_text(text)
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
    return ["unshare", *user, "--mount", "sh", "-c", script, "sh", str(file)]
