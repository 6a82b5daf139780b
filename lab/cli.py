"""The commands behind the Makefile's verbs."""

import os
import shutil
import signal
import subprocess
import sys

import click

from lab import contract, progress
from lab import load as load_module
from lab import settings as settings_module
from lab.contract import PAGE
from lab.errors import LabError
from lab.host import programs
from lab.host.runtime import HostRuntime
from lab.parts import PARTS, Part, part
from lab.paths import CA_FILE, LOGS, ROOT, VENV


def runtime() -> HostRuntime:
    """Return the runtime that ``RUNTIME`` asks for, with the checked settings.

    Raises LabError when it is one that this lab does not have.
    """
    wanted = os.environ.get("RUNTIME") or "host"
    if wanted != "host":
        raise LabError(f"RUNTIME is {wanted!r}, but this lab runs as processes on the host only: leave it out.")
    return HostRuntime(settings_module.load(os.environ))


@click.group()
def main() -> None:
    """Pomar's observability lab."""


@main.command()
def up() -> None:
    """Start the lab and wait until all of it works."""
    # A closed terminal or a kill ends a start as Ctrl-C does: with nothing left running.
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    host = runtime()
    refuse_other_runtime()
    if host.is_running():
        click.echo("The lab is running already.")
    host.up()
    show_addresses(host)


@main.command()
def down() -> None:
    """Stop the lab; its data stays."""
    runtime().down()
    click.echo("The lab is down; its data is kept in .lab/.")


@main.command()
def status() -> None:
    """Show each part; exit code 1 unless all of them work."""
    host = runtime()
    rows = [(known.name, state, known.url(host.settings), trouble) for known, state, trouble in host.states()]
    troubled = any(trouble for *_, trouble in rows)
    progress.table([("part", "state", "address", "trouble" if troubled else ""), *rows])
    if troubled:
        sys.exit(1)


@main.command()
@click.argument("name", required=False, envvar="S")
@click.option("--follow", is_flag=True, envvar="FOLLOW", help="Go on printing until Ctrl-C.")
def logs(name: str | None, follow: bool) -> None:
    """Print the last lines of every part, or of one."""
    names = [named(name).name] if name else [known.name for known in PARTS]
    files = [path for path in (LOGS / f"{each}.log" for each in names) if path.exists()]
    if not files:
        raise LabError("nothing is logged yet: start the lab with `make up`.")
    os.execvp("tail", ["tail", "-n", "50" if name else "8", *(["-F"] if follow else []), *map(str, files)])


@main.command()
@click.argument("name", envvar="S", default="")
def restart(name: str) -> None:
    """Restart one part and wait until it works."""
    runtime().restart(named(name))


@main.command()
@click.option("--force", is_flag=True, envvar="FORCE", help="Do not ask.")
def clean(force: bool) -> None:
    """Stop the lab and remove its data, certificates and secrets."""
    host = runtime()
    if not force:
        click.confirm("Remove the shop's orders, all metrics, certificates and secrets in .lab/?", abort=True)
    host.clean()
    kept = " The database at DATABASE_URL is left as it is." if host.settings["DATABASE_URL"] else ""
    click.echo(f"The lab is down and its data is gone; downloads stay in .lab/.{kept}")


def named(name: str) -> Part:
    """Return the part of that name; raises LabError, with the names that there are, for any other."""
    found = part(name)
    if not found:
        names = ", ".join(known.name for known in PARTS)
        raise LabError(f"{name!r} is no part of the lab: give S= one of {names}.")
    return found


def refuse_other_runtime() -> None:
    """Raise LabError when the lab runs under Docker Compose, whose ports would be in the way."""
    if not shutil.which("docker"):
        return
    command = ["docker", "ps", "--quiet", "--filter", "label=com.docker.compose.project=pomar"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=5)
    except subprocess.TimeoutExpired:
        return
    if answer.returncode == 0 and answer.stdout.strip():
        raise LabError(
            "the lab runs under Docker Compose: stop it first with `docker compose --project-name pomar down`."
        )


def show_addresses(host: HostRuntime) -> None:
    """Print where to look, and the certificate authority to trust."""
    pages = [(known.name, known.url(host.settings), known.what) for known in PARTS if known.page]
    progress.table([*pages, ("CA", str(CA_FILE), "trust it in the browser, or curl --cacert")])


@main.command()
@click.option("--profile", envvar="PROFILE", default="steady", show_default=True)
def load(profile: str) -> None:
    """Restock and shop; exit code 1 when a request failed that should not have."""
    code, _ = load_module.shop(runtime(), profile)
    sys.exit(code)


@main.command(name="load-ui")
def load_ui() -> None:
    """Shop from Locust's own page."""
    sys.exit(load_module.shop_from_page(runtime()))


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Run one of the shop's management commands, as in `manage createsuperuser`."""
    sys.exit(runtime().run(["python", "manage.py", *arguments]).returncode)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run the tests; ARGUMENTS are pytest's."""
    sys.exit(pytest(*arguments))


@main.command()
def check() -> None:
    """Run the linter and the tests that need no running lab."""
    for command in (["ruff", "check"], ["ruff", "format", "--check"]):
        if code := subprocess.run([tool(command[0]), *command[1:]], cwd=ROOT).returncode:
            sys.exit(code)
    sys.exit(pytest("--ignore=tests/live"))


@main.command()
def generate() -> None:
    """Write all that is generated."""
    host = runtime()
    page = contract.page(contract.load())
    routes = host.manage("nginx_routes")
    PAGE.write_text(page)
    (ROOT / "nginx" / "routes.conf").write_text(f"{routes}\n")
    click.echo(host.manage("draw_pictures"))


def tool(name: str) -> str:
    """Return the path of a program in the lab's own environment."""
    return str(VENV / "bin" / name)


def pytest(*arguments: str) -> int:
    """Run pytest in the checkout and return its exit code."""
    programs.find_all()
    environment = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    return subprocess.run([tool("python"), "-m", "pytest", *arguments], cwd=ROOT, env=environment).returncode
