"""kubectl and Helm, for one context and namespace."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import console
from lab.errors import LabError
from lab.runtimes.environment import for_tools
from lab.runtimes.kubernetes import programs

#: Enough for a Helm upgrade on a slow cluster.
SECONDS = 120
#: How long the API server may take to respond to one request.
REQUEST_SECONDS = 10


@dataclass(frozen=True)
class Kubectl:
    """The commands ``kubectl`` and ``helm`` with their options. Without ``kubeconfig``, they read the user's."""

    context: str
    namespace: str = "default"
    kubeconfig: Path | None = None

    def command(self, *arguments: str) -> list[str]:
        """Return a kubectl command."""
        options = [f"--context={self.context}", f"--namespace={self.namespace}", *self._own()]
        return [str(programs.find("kubectl")), *options, *arguments]

    def __call__(self, *arguments: str, said: str | None = None) -> str:
        """Run kubectl with ``said`` as its standard input, and return its output. Raises LabError if it fails."""
        return self._output(self.command(*arguments), said)

    def helm(self, *arguments: str) -> str:
        """Run Helm and return its output. Raises LabError if it fails."""
        options = [f"--kube-context={self.context}", f"--namespace={self.namespace}", *self._own()]
        return self._output([str(programs.find("helm")), *options, *arguments])

    def upgrade(self, release: str, chart: Path, values: Sequence[str | Path]) -> None:
        """Install a release, or change it, with these files of values. Raises LabError if that fails.

        Fields that something else has changed get the chart's values again, for example the number of replicas.
        """
        helm = programs.find("helm")
        # Helm 3 always does that.
        force = ["--force-conflicts"] if programs.helm_version(helm) >= (4, 0) else []
        self.helm("upgrade", "--install", release, str(chart), *force, *(f"--values={file}" for file in values))

    def get(self, kinds: str, *arguments: str) -> list[dict]:
        """Return the objects of these kinds (``pods,jobs``). Raises LabError if the API server does not respond."""
        found = self("get", kinds, "--output=json", f"--request-timeout={REQUEST_SECONDS}s", *arguments)
        return json.loads(found)["items"]

    def page(self, path: str) -> str:
        """Return the API server's response to a GET request. Raises OSError unless the status is 200."""
        try:
            return self("get", "--raw", path, f"--request-timeout={REQUEST_SECONDS}s")
        except LabError as error:
            raise ConnectionError(error.message) from error

    def apply(self, *objects: dict) -> None:
        """Create or change these objects."""
        self("apply", "--filename=-", said=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def _own(self) -> Sequence[str]:
        return [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []

    @staticmethod
    def _output(command: Sequence[str], said: str | None = None) -> str:
        shown = f"{Path(command[0]).name} {next(each for each in command[1:] if not each.startswith('-'))}"
        # Helm and kubectl keep copies of what they ask the cluster. Without a home, they would write to the working
        # directory.
        environment = {"HOME": os.devnull, **for_tools()}
        try:
            done = subprocess.run(command, env=environment, input=said, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"`{shown}` was stopped after {SECONDS} s: check that the cluster responds.") from error
        if done.returncode:
            raise LabError(f"`{shown}` failed: {console.last_line(done.stderr).removeprefix('Error: ')}")
        return done.stdout
