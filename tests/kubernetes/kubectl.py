"""kubectl for one cluster and namespace."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.runtimes.environment import for_tools
from lab.runtimes.kubernetes import programs

SECONDS = 120


@dataclass(frozen=True)
class Kubectl:
    """The command ``kubectl`` with its options. Without ``kubeconfig``, it reads the user's."""

    context: str
    kubeconfig: Path | None = None
    namespace: str = "default"

    def within(self, namespace: str) -> "Kubectl":
        """Return the same command for another namespace."""
        return replace(self, namespace=namespace)

    def command(self, *arguments: str) -> Sequence[str]:
        """Return the command with these arguments. With ``kubeconfig``, it also keeps its cache beside that file."""
        own = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.kubeconfig.parent}"] if self.kubeconfig else []
        options = [f"--context={self.context}", f"--namespace={self.namespace}", *own]
        return [str(programs.find("kubectl")), *options, *arguments]

    def __call__(self, *arguments: str, said: str | None = None) -> str:
        """Run the command with ``said`` as its standard input, and return its output. An error fails the test."""
        done = subprocess.run(
            self.command(*arguments), env=for_tools(), input=said, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
        return done.stdout
