"""Which runtime the lab has, or gets."""

from collections.abc import Mapping
from contextlib import suppress

from lab.errors import LabError
from lab.runtimes import settings
from lab.runtimes.base import Runtime
from lab.runtimes.compose import engine
from lab.runtimes.compose.runtime import ComposeRuntime, own_containers
from lab.runtimes.host.runtime import HostRuntime

RUNTIMES: dict[str, type[Runtime]] = {"compose": ComposeRuntime, "host": HostRuntime}


def choose(environment: Mapping[str, str]) -> tuple[Runtime, str]:
    """Return the runtime to use, with the checked settings, and in a sentence why it is this one.

    It is what ``RUNTIME`` asks for; else the one that runs; else Compose when a Docker engine answers. Raises LabError
    when ``RUNTIME`` is one that this lab does not have, or that cannot be used here.
    """
    wanted = environment.get("RUNTIME", "")
    if wanted and wanted not in RUNTIMES:
        raise LabError(f"RUNTIME is {wanted!r}, but must be one of {', '.join(RUNTIMES)}: or leave it out.")
    chosen = settings.load(environment)
    if wanted == "host":
        return HostRuntime(chosen), "RUNTIME asks for it"
    problem, fix = engine.why_not()
    if wanted == "compose":
        if problem:
            raise LabError(f"RUNTIME is compose, but {problem}: {fix}, or leave RUNTIME out.")
        return ComposeRuntime(chosen), "RUNTIME asks for it"
    host = HostRuntime(chosen)
    if host.is_running():
        return host, "it runs already"
    if problem:
        return host, f"{problem}; to use containers, {fix}"
    return ComposeRuntime(chosen), "a Docker engine answers; RUNTIME=host takes processes of this machine instead"


def to_test_on(environment: Mapping[str, str]) -> str:
    """Return the name of the runtime that runs, else of the one that needs nothing of this machine: the host's."""
    running = ComposeRuntime(settings.load(environment)).is_running()
    return "compose" if running else "host"


def refuse_other(runtime: Runtime) -> str:
    """Check that this checkout's lab does not run in the other runtime, whose ports would be in the way.

    Raises LabError if it does.
    """
    if runtime.name == "host":
        # An engine that hangs must not keep the host runtime from starting: then the ports alone are looked at.
        known = {}
        with suppress(LabError):
            known = own_containers()
        if any(container.state == "running" for container in known.values()):
            raise LabError("the lab runs under Docker Compose: stop it first with `make down RUNTIME=compose`.")
    elif HostRuntime(runtime.settings).is_running():
        raise LabError("the lab runs as processes on the host: stop it first with `make down RUNTIME=host`.")
    return "this checkout's lab does not run there"
