"""The Docker engine and Compose, used through the docker command, and the state of the lab's containers."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from lab.console import last_line
from lab.errors import LabError
from lab.paths import LOGS, ROOT
from lab.runtimes.environment import for_tools
from lab.runtimes.settings import OFFICIAL_IMAGES

PROJECT = "pomar"
LABEL = "com.docker.compose"
#: The timeout for queries to the engine: longer than an engine under load needs to respond. If no engine is running,
#: the command fails at once.
RESPONSE_SECONDS = 10
#: The memory that each shop worker uses before its first request. The master and the metrics process together need the
#: same amount. With less, the kernel keeps killing workers.
SHOP_MIB = 50
#: The Compose files that override compose.yaml, by kind of image.
OVERRIDES = {"official": [], "debian": ["compose.debian.yaml"], "lookalike": ["images/lookalike/compose.yaml"]}
#: The name prefix for look-alikes. If one had an official name, the next lab would mistake it for the official image.
LOOKALIKE = "localhost/pomar/lookalike/"
#: The oldest supported Compose: ``depends_on.restart`` needs 2.17, and ``!reset`` needs 2.18.
_OLDEST_COMPOSE = (2, 18)
#: From this version on, Compose needs the buildx plugin, because it has no built-in builder that supports secrets.
_COMPOSE_WITHOUT_BUILDER = (5, 0)
#: The first engine whose BuildKit supports build secrets without a syntax directive in the Dockerfile.
_OLDEST_ENGINE = (20, 10)
_COMPOSE_WANTED = "Compose 2.18"


@dataclass(frozen=True)
class Container:
    """One of the lab's containers, as described by `docker inspect`."""

    service: str
    id: str
    image: str
    #: ``running``, ``exited``, ``restarting``, ``created`` …
    state: str
    #: ``healthy``, ``unhealthy``, ``starting``; empty if it has no health check.
    health: str
    #: The output of the last health check.
    last_check: str
    exit_code: int
    #: When it was last started, in UTC, as text that sorts by time.
    started_at: str
    #: The ID of the container whose network it shares, or empty.
    network_of: str
    #: The checkout that started it, with symbolic links resolved.
    checkout: str

    @property
    def life(self) -> tuple[str, str]:
        """An identity that changes when the container is recreated or restarted."""
        return self.id, self.started_at

    @property
    def started(self) -> float:
        """When it was last started, as a Unix time."""
        return datetime.fromisoformat(f"{self.started_at}Z").timestamp()

    @classmethod
    def from_inspect(cls, found: Mapping) -> "Container":
        """Parse one element of the `docker inspect` output."""
        state, labels = found["State"], found["Config"]["Labels"]
        health = state.get("Health") or {}
        checks = health.get("Log") or []
        mode = found["HostConfig"]["NetworkMode"]
        return cls(
            service=labels[f"{LABEL}.service"],
            id=found["Id"],
            image=found["Config"]["Image"],
            state=state["Status"],
            health=health.get("Status", ""),
            last_check=checks[-1]["Output"].strip() if checks else "",
            exit_code=state["ExitCode"],
            started_at=_comparable(state["StartedAt"]),
            network_of=mode.removeprefix("container:") if mode.startswith("container:") else "",
            checkout=os.path.realpath(labels.get(f"{LABEL}.project.working_dir", "")),
        )


def _comparable(time: str) -> str:
    """Pad the fraction of an engine timestamp to nine digits, so that timestamps can be compared as text."""
    whole, _, fraction = time.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<9}"


class Unusable(LabError):
    """The reason why Docker Compose cannot be used here, and how to fix that."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}: {fix}.")
        self.problem, self.fix = problem, fix


def why_not() -> tuple[str, str]:
    """Return why Docker Compose cannot be used here and how to fix that, or two empty strings if it can be used."""
    try:
        for _ in checks():
            pass
    except Unusable as error:
        return error.problem, error.fix
    return "", ""


def checks() -> Iterator[tuple[str, str]]:
    """Check that Docker Compose can be used here, and yield the name of each check and what it found.

    Raises Unusable at the first check that fails, since the later ones depend on it.
    """
    yield "docker command", check_command()
    yield "engine URL", check_place()
    yield "Compose plugin", (compose := check_compose())
    yield "buildx plugin", check_buildx(compose)
    yield "Docker engine", check_engine()


def check_command() -> str:
    """Return the version of the docker command. Raise Unusable if it is missing or is Podman."""
    if not shutil.which("docker"):
        raise Unusable("there is no docker command", "install Docker with its Compose plugin")
    version = _output("docker", "--version")
    if "podman" in version.lower():
        raise Unusable("the docker command is Podman", "install Docker itself")
    return version


def check_place() -> str:
    """Return the engine's URL. Raise Unusable if the engine is on another machine."""
    endpoint = _output("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    if not _is_here(endpoint):
        raise Unusable(
            f"the Docker engine is on another machine ({endpoint}), where it can neither mount this checkout's files "
            "nor publish ports on this machine",
            "use an engine on this machine (`unset DOCKER_HOST DOCKER_CONTEXT; docker context use default`)",
        )
    return endpoint


def check_compose() -> str:
    """Return the version of the Compose plugin. Raise Unusable if it is missing or too old."""
    try:
        version = _output("docker", "compose", "version", "--short")
    except Unusable as error:
        raise Unusable("docker has no Compose 2 plugin", f"install {_COMPOSE_WANTED} or newer") from error
    # A development build has the version "dev" and is accepted.
    number = _number(version)
    if number and number < _OLDEST_COMPOSE:
        raise Unusable(f"the Compose plugin is version {version}", f"install {_COMPOSE_WANTED} or newer")
    return version


def check_buildx(compose: str) -> str:
    """Return the version of the buildx plugin. Raise Unusable if it is missing and this Compose needs it."""
    number = _number(compose)
    if not number or number < _COMPOSE_WITHOUT_BUILDER:
        return f"not needed by Compose {compose}"
    try:
        return _output("docker", "buildx", "version")
    except Unusable as error:
        raise Unusable(
            f"Compose {compose} cannot build images without Docker's buildx plugin, which is missing",
            "install the package docker-buildx (Debian, Ubuntu) or docker-buildx-plugin (from Docker's own repository)",
        ) from error


def check_engine() -> str:
    """Return the engine's version. Raise Unusable if none responds to this user, or if it is Podman or too old."""
    server = json.loads(_output("docker", "version", "--format", "{{json .Server}}"))
    if "Podman" in json.dumps(server.get("Components")):
        raise Unusable("the engine is Podman", "install Docker itself")
    if (number := _number(server["Version"])) and number < _OLDEST_ENGINE:
        raise Unusable(f"the Docker engine is version {server['Version']}", "install Docker Engine 20.10 or newer")
    return server["Version"]


def _is_here(endpoint: str) -> bool:
    """Return whether the engine at a URL such as ``tcp://host:2375`` is on this machine."""
    address = urlsplit(endpoint)
    return address.scheme in ("unix", "npipe", "") or address.hostname in ("localhost", "127.0.0.1", "::1")


def _number(version: str) -> tuple[int, int] | None:
    """Return the major and minor numbers of a version such as ``v2.18.0``, or None if it has a different form."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None


def _output(*command: str) -> str:
    """Return the output of a docker command. If it fails or hangs, raise Unusable with the reason."""
    fix = "start a Docker engine"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RESPONSE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Unusable(f"`{' '.join(command[:2])}` timed out after {RESPONSE_SECONDS} s", fix) from error
    except OSError as error:
        raise Unusable(f"the docker command cannot be run ({error.strerror})", fix) from error
    reason = last_line(done.stderr or done.stdout)
    if done.returncode != 0 and "permission denied" in reason:
        raise Unusable(
            "this user may not use the Docker engine",
            "add the user to the group docker (`sudo usermod -aG docker $USER`) and log in again",
        )
    if done.returncode != 0:
        raise Unusable(f"no Docker engine is responding ({reason})", fix)
    return done.stdout.strip()


def containers() -> dict[str, Container]:
    """Return the lab's containers by service, including stopped ones; empty if there is no engine.

    Raises LabError if the engine does not respond in time, because its containers are then unknown.
    """
    wanted = ["--filter", f"label={LABEL}.project={PROJECT}", "--filter", f"label={LABEL}.oneoff=False"]
    try:
        listed = subprocess.run(
            ["docker", "ps", "--all", "--quiet", *wanted], capture_output=True, text=True, timeout=RESPONSE_SECONDS
        )
        if not listed.stdout.split():
            return {}
        # A container that is removed between the two calls is missing from this output.
        found = subprocess.run(
            ["docker", "inspect", *listed.stdout.split()], capture_output=True, text=True, timeout=RESPONSE_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"the Docker engine did not respond within {RESPONSE_SECONDS} s: wait or restart it.") from error
    except OSError:
        return {}
    known = [Container.from_inspect(each) for each in json.loads(found.stdout or "[]")]
    return {container.service: container for container in known}


def loads(checkout: Path) -> list[str]:
    """Return the IDs of the containers that are running a load test of this checkout."""
    labels = {"project": PROJECT, "service": "loadtest", "oneoff": "True", "project.working_dir": str(checkout)}
    filters = [f"--filter=label={LABEL}.{name}={value}" for name, value in labels.items()]
    return docker("ps", "--quiet", *filters).stdout.split()


def refuse_limits(settings: Mapping[str, str], engine: Mapping) -> str:
    """Return a summary of the engine's CPUs and memory; ``engine`` is the parsed output of `docker info`.

    Raises LabError if the engine cannot provide the CPU and memory in the settings.
    """
    cores, cpus = engine["NCPU"], settings["APP_CPUS"]
    if not engine.get("CpuCfsQuota", True):
        raise LabError(
            "the Docker engine cannot limit CPU time: use a kernel with CFS quotas; for a rootless engine, "
            "have systemd delegate the cpu controller to its user (Delegate=cpu); or use RUNTIME=host."
        )
    if float(cpus) > cores:
        available = "1 CPU" if cores == 1 else f"{cores} CPUs"
        raise LabError(
            f"APP_CPUS is {cpus}, but the Docker engine has {available}: set APP_CPUS to {cores} or less in .env."
        )
    memory, workers = int(settings["APP_MEMORY"].removesuffix("m")), int(settings["UWSGI_WORKERS"])
    if memory < (needed := SHOP_MIB * (workers + 1)):
        raise LabError(
            f"APP_MEMORY is {memory}m, but a shop with UWSGI_WORKERS={workers} needs {needed}m: set APP_MEMORY to at "
            "least that in .env, or reduce UWSGI_WORKERS."
        )
    if memory > (total := engine["MemTotal"] // 1024**2):
        raise LabError(f"APP_MEMORY is {memory}m, but the Docker engine has {total}m: set APP_MEMORY lower in .env.")
    return f"{cores} CPUs and {total} MiB; the shop may use {cpus} and {memory} MiB"


def info() -> dict:
    """Return the output of `docker info`, parsed."""
    return json.loads(docker("info", "--format", "{{json .}}").stdout)


def docker(*arguments: str, **options) -> subprocess.CompletedProcess:
    """Run docker and return its output as text. If it fails, raise LabError with the last line of the output."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise LabError(f"`docker {arguments[0]}` failed: {last_line(done.stderr or done.stdout)}")
    return done


def end(process: subprocess.Popen) -> None:
    """Stop a process started by :meth:`Compose.start` and wait until it has exited.

    Signals the whole process group, because docker does not forward signals to the Compose plugin, which does the work.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            return


def _lookalikes() -> dict[str, str]:
    """Return the image settings for the look-alikes. The lab's own images are built on the Debian base image."""
    names = {name: name.removeprefix("IMAGE_").lower().replace("_", "-") for name in OFFICIAL_IMAGES}
    built = {name: f"{LOOKALIKE}{short}:debian" for name, short in names.items()}
    return built | {"IMAGE_DEBIAN": "localhost/pomar/debian:trixie", "IMAGE_UWSGI_EXPORTER": ""}


class Compose:
    """`docker compose` for this checkout, with the lab's settings and the Compose files for one kind of image."""

    def __init__(self, settings: Mapping[str, str], images: str) -> None:
        self._files = [ROOT / name for name in ("compose.yaml", *OVERRIDES[images])]
        self._settings = {**settings, **(_lookalikes() if images == "lookalike" else {})}

    def command(self, *arguments: str) -> list[str]:
        """Return the complete command line."""
        files = [part for file in self._files for part in ("--file", str(file))]
        return ["docker", "compose", "--project-directory", str(ROOT), *files, *arguments]

    def environment(self) -> dict[str, str]:
        """Return the environment for the command: the environment for tools, plus the lab's settings."""
        own = for_tools()
        authorities = (own.get(name) for name in ("BUILD_CA_FILE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"))
        ca = next((path for path in authorities if path and Path(path).is_file()), None)
        return own | dict(self._settings) | ({"BUILD_CA_FILE": ca} if ca else {})

    def config(self) -> dict[str, dict]:
        """Return the configuration of each service."""
        return json.loads(self.must("--profile", "*", "config", "--format", "json"))["services"]

    def mounted(self) -> dict[str, list[Path]]:
        """Return the files and folders that each service mounts from the checkout."""
        return {
            name: [Path(volume["source"]) for volume in service.get("volumes", []) if volume["type"] == "bind"]
            for name, service in self.config().items()
        }

    def start(self, log: str, *arguments: str) -> subprocess.Popen:
        """Start a command whose output goes to a file in .lab/logs. Use :func:`end` to stop it early."""
        LOGS.mkdir(parents=True, exist_ok=True)
        with (LOGS / log).open("w") as file:
            return subprocess.Popen(
                self.command(*arguments),
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def run(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        """Run a command in the foreground."""
        return subprocess.run(self.command(*arguments), cwd=ROOT, env=self.environment(), **options)

    def must(self, *arguments: str) -> str:
        """Run a command and return its output. If it fails, raise LabError with the last line of stderr."""
        done = self.run(*arguments, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise LabError(f"`docker compose {' '.join(arguments)}` failed: {last_line(done.stderr)}")
        return done.stdout
