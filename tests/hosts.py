"""A machine whose hosts file maps `localhost` differently."""

import os
from pathlib import Path

#: As most systems have it: of the two, a resolver gives ::1 first.
BOTH = "127.0.0.1 localhost\n::1 localhost\n"
#: Whatever calls `localhost` reaches nothing of the lab.
ONLY_IPV6 = "::1 localhost\n"


def seeing_hosts(text: str, folder: Path) -> list[str]:
    """Return a command prefix that makes a command and its children see this hosts file. Does not need root."""
    file = folder / "hosts"
    file.write_text(text)
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
    return ["unshare", *user, "--mount", "sh", "-c", script, "sh", str(file)]
