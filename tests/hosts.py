"""Run a command with a different hosts file, to change what `localhost` resolves to."""

import os
from pathlib import Path

#: The entries on most systems. Resolvers return ::1 first.
BOTH = "127.0.0.1 localhost\n::1 localhost\n"
#: With this entry, programs that connect to `localhost` cannot reach the lab.
ONLY_IPV6 = "::1 localhost\n"


def seeing_hosts(text: str, folder: Path) -> list[str]:
    """Return a prefix that makes a command and its children see ``text`` as /etc/hosts. Root is not needed."""
    file = folder / "hosts"
    file.write_text(text)
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
    return ["unshare", *user, "--mount", "sh", "-c", script, "sh", str(file)]
