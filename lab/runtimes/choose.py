"""Choose the lab's runtime."""

from collections.abc import Mapping
from contextlib import suppress

from lab.errors import LabError
from lab.runtimes import settings
from lab.runtimes.base import Runtime
from lab.runtimes.compose import engine
from lab.runtimes.compose.runtime import ComposeRuntime, own_containers
from lab.runtimes.host.runtime import HostRuntime
from lab.runtimes.kubernetes.runtime import KubernetesRuntime

RUNTIMES = ("compose", "host", "kubernetes")


def choose(environment: Mapping[str, str]) -> tuple[Runtime, str]:
    """Return the runtime to use, with validated settings, and the reason for the choice.

    The choice is the first of these that applies: the one in ``RUNTIME``; the one that is running; Compose, if a Docker
    engine responds; the host. Raises LabError if ``RUNTIME`` is unknown or cannot be used here.
    """
    wanted = environment.get("RUNTIME", "")
    if wanted and wanted not in RUNTIMES:
        raise LabError(f"RUNTIME is {wanted!r}, but must be one of {', '.join(RUNTIMES)}: change or unset it.")
    chosen = settings.load(environment)
    if wanted == "host":
        return HostRuntime(chosen), "RUNTIME=host is set"
    if wanted == "kubernetes":
        return KubernetesRuntime(chosen, environment), "RUNTIME=kubernetes is set"
    if not wanted and KubernetesRuntime.running_settings.exists():
        return KubernetesRuntime(chosen, environment), "it is already running"
    problem, fix = engine.why_not()
    if wanted == "compose":
        if problem:
            raise LabError(f"RUNTIME is compose, but {problem}: {fix}, or unset RUNTIME.")
        return ComposeRuntime(chosen), "RUNTIME=compose is set"
    host = HostRuntime(chosen)
    if host.is_running():
        return host, "it is already running"
    if problem:
        return host, f"{problem}; to use containers, {fix}"
    return ComposeRuntime(chosen), "a Docker engine is running; to use processes on this machine, set RUNTIME=host"


def to_test_on(environment: Mapping[str, str]) -> str:
    """Return the name of the running runtime. If none is running, return ``host``, which needs no Docker engine.

    It is never ``kubernetes``, because only some of the live tests run in a cluster.
    """
    running = ComposeRuntime(settings.load(environment)).is_running()
    return "compose" if running else "host"


def refuse_other(runtime: Runtime) -> str:
    """Raise LabError if this checkout's lab is running on another runtime and is therefore using the ports."""
    if runtime.name != "kubernetes" and KubernetesRuntime.running_settings.exists():
        raise LabError("the lab is running on Kubernetes: stop it first with `make down RUNTIME=kubernetes`.")
    if runtime.name != "compose":
        # A hanging Docker engine must not keep the host runtime from starting. The ports are still checked.
        known = {}
        with suppress(LabError):
            known = own_containers()
        if any(container.state == "running" for container in known.values()):
            raise LabError("the lab is running under Docker Compose: stop it first with `make down RUNTIME=compose`.")
    if runtime.name != "host" and HostRuntime(runtime.settings).is_running():
        raise LabError("the lab is running as processes on the host: stop it first with `make down RUNTIME=host`.")
    return "this checkout's lab is not running there"
