"""The commands behind the Makefile's verbs."""

import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from lab import console, contract, signals
from lab.alerts import notifications, rules
from lab.contract import PAGE
from lab.dashboards import model, proof
from lab.drills import catalogue, game
from lab.drills.drill import run_drill
from lab.errors import LabError
from lab.paths import ROOT, VENV, shown
from lab.prometheus import Api
from lab.runs import archive, events
from lab.runs.ledger import text
from lab.runs.load import shop, shop_from_page
from lab.runs.report.page import Run
from lab.runtimes import choose, services, settings
from lab.runtimes.base import Runtime
from lab.runtimes.compose import registry
from lab.runtimes.host import programs
from lab.runtimes.host.runtime import HostRuntime
from lab.runtimes.services import Service

#: The tests that need no running lab. What each starts has folders and ports of its own, so files run side by side; as
#: they often wait, four of them on two CPUs as well.
#: In their order: pytest-xdist would have the files of the fewest tests last, which take longest.
NEED_NO_LAB = (
    "--ignore=tests/live",
    "--numprocesses=4",
    # A process that faulthandler_timeout has ended stays so: its file would run, and hang, once more.
    "--max-worker-restart=0",
    "--dist=loadfile",
    "--no-loadscope-reorder",
)


def runtime() -> Runtime:
    """Return the runtime that ``RUNTIME`` asks for, or else fits, with the checked settings."""
    chosen, _ = choose.choose(os.environ)
    return chosen


@click.group()
def main() -> None:
    """Pomar's observability lab."""


@main.command()
def up() -> None:
    """Start the lab and wait until all of it works."""
    chosen, why = choose.choose(os.environ)
    choose.refuse_other(chosen)
    click.echo(f"Runtime: {chosen.name}, because {why}.")
    ran = chosen.is_running()
    if ran:
        click.echo("The lab is running already.")
    # Nothing is left running by a start that is ended, also by a closed terminal.
    with signals.heeded_once():
        chosen.up()
    if not ran:
        events.tell(chosen, "deploy", "end", "lab", f"the lab was started ({chosen.name})")
    show_addresses(chosen)


@main.command()
def down() -> None:
    """Stop the lab; its data stays."""
    chosen = runtime()
    chosen.down()
    click.echo(f"The lab is down ({chosen.name}); its data is kept.")


@main.command()
def status() -> None:
    """Show each part; exit code 1 unless all of them work."""
    chosen = runtime()
    rows = [(known.name, state, chosen.shown_url(known), trouble) for known, state, trouble in chosen.states()]
    troubled = any(trouble for *_, trouble in rows)
    console.table([("part", "state", "address", "trouble" if troubled else ""), *rows])
    if not troubled:
        click.echo()
        console.table(chosen.notes())
    if troubled:
        sys.exit(1)


@main.command()
@click.argument("name", required=False)
@click.option("--follow", is_flag=True, help="Go on printing until Ctrl-C.")
def logs(name: str | None, follow: bool) -> None:
    """Print the last lines of every part, or of one."""
    chosen = runtime()
    wanted = [named(chosen, name)] if name else chosen.services
    chosen.logs(wanted, lines=50 if name else 8, follow=follow)


@main.command()
@click.argument("name", default="")
def restart(name: str) -> None:
    """Restart one part and wait until it works."""
    chosen = runtime()
    began = time.monotonic()
    chosen.restart(named(chosen, name))
    events.tell(chosen, "deploy", "end", name, f"{name} was restarted, in {time.monotonic() - began:.1f} s")


@main.command()
@click.option("--force", is_flag=True, help="Do not ask.")
def clean(force: bool) -> None:
    """Stop the lab and remove its data, certificates and secrets."""
    chosen = runtime()
    if not force:
        click.confirm("Remove the shop's orders, all metrics, certificates and secrets of this lab?", abort=True)
    chosen.clean()
    kept = " The database of LAB_DATABASE_URL is left as it is." if chosen.settings["LAB_DATABASE_URL"] else ""
    click.echo(f"The lab is down ({chosen.name}) and its data is gone; what was downloaded or built stays.{kept}")


def named(chosen: Runtime, name: str) -> Service:
    """Return the part of that name; raises LabError, with the names that there are, for any other."""
    found = next((known for known in chosen.services if known.name == name), None)
    if not found:
        names = ", ".join(known.name for known in chosen.services)
        raise LabError(f"{name!r} is no part of the lab: give S= one of {names}.")
    return found


def show_addresses(chosen: Runtime) -> None:
    """Print where to look, the certificate authority to trust, and what else to know."""
    pages = [(known.name, chosen.shown_url(known), known.what) for known in chosen.services if known.page]
    console.table([*pages, *chosen.notes()])


def load_options(command):
    """Give a command the options of a load, which ``variables`` turns into the variables of ``loadtest/``."""
    for name, what in {"users": "Number of users.", "duration": "E.g. 90s or 5m.", "seed": "Random seed."}.items():
        command = click.option(f"--{name}", help=what)(command)
    return command


def variables(options: Mapping[str, str | None]) -> dict[str, str]:
    """Return the options of a load that are given, by the names of the variables that ``loadtest/`` reads."""
    return {name.upper(): value for name, value in options.items() if value}


@main.command()
@click.option("--profile", default="steady", show_default=True)
@load_options
def load(profile: str, **options: str | None) -> None:
    """Restock, shop, and balance the books; exit code 1 when a request failed that should not have, or they do not."""
    chosen = runtime()
    code, file = shop(chosen, profile, variables(options))
    if file.exists():
        run = archive.read(chosen, file)
        code = _show_ledger(run) or code
        written = archive.report(chosen, [run])
        click.echo(f"ALERTS: {archive.alerts(chosen, run)}\n\nReport: {shown(written)} (make report)")
    sys.exit(code)


@main.command()
@click.argument("result", required=False, type=click.Path(path_type=Path))
def ledger(result: Path | None) -> None:
    """Print the ledger of the last run, or of the one whose RESULT is given; exit code 1 unless it is exact."""
    sys.exit(_show_ledger(archive.read(runtime(), result or archive.last())))


@main.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option("--compare", is_flag=True, help="Lay two runs side by side: the one before, and the one after.")
@click.option("--runs", "listed", default="", help="One or two RESULTs as a single, shell-quoted argument.")
def report(results: tuple[Path, ...], compare: bool, listed: str) -> None:
    """Write the report of the last run, or of the one whose RESULT is given, and open it."""
    results = results or tuple(map(Path, shlex.split(listed))) or (archive.last(),)
    if len(results) != 2 and (compare or len(results) != 1):
        raise LabError('a report is of one run and a comparison of two: give R=A, or R="A B".')
    chosen = runtime()
    file = archive.report(chosen, [archive.read(chosen, each.resolve()) for each in results])
    click.echo(f"Report: {shown(file)}")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(file.as_uri())


def _show_ledger(run: Run) -> int:
    click.echo(f"\n{text.page(run.ledger)}")
    return 0 if run.ledger.verdict == "exact" else 1


@main.command()
def panels() -> None:
    """Run every query of every dashboard; exit code 1 when one is refused, slow, or empty though it should not be."""
    chosen = runtime()
    found = proof.prove(Api(chosen.url(services.named("prometheus"), "")), chosen.provides)
    click.echo(proof.page(found))
    sys.exit(1 if found.wrong else 0)


@main.command()
def images() -> None:
    """Ask the registries for every official image; exit code 1 unless each exists for amd64 and arm64."""
    wrong = []
    for image, problem in registry.check(settings.load(os.environ)):
        click.echo(f"  {'✗' if problem else '✓'} {image}")
        wrong += [problem] if problem else []
    for sentence in wrong:
        click.echo(sentence, err=True)
    sys.exit(1 if wrong else 0)


@main.command()
def alerts() -> None:
    """Print what fires, what Alertmanager does with it, and whom it told; exit code 1 when one of them is away."""
    told, complete = notifications.page(runtime())
    click.echo(told)
    sys.exit(0 if complete else 1)


@main.command()
@click.argument("name", default="")
def drill(name: str) -> None:
    """Break one thing under load, and wait for its alerts to fire and to be resolved."""
    _drill([catalogue.named(name)])


@main.command(name="drills")
def all_drills() -> None:
    """Run every drill that this runtime has what it needs for; exit code 1 when one of them failed."""
    chosen = runtime()
    for each in catalogue.DRILLS:
        if missing := set(each.needs) - chosen.provides:
            click.echo(f"{each.name}: not on {chosen.name}, needs {', '.join(sorted(missing))}.")
    _drill([each for each in catalogue.DRILLS if chosen.provides.issuperset(each.needs)])


def _drill(wanted: Sequence[catalogue.Drill]) -> None:
    """Run drills one after the other, print when each alert fired and was resolved, and end with 1 if one failed."""
    chosen = runtime()
    rows = [("drill", "alert", "fired after", "resolved after")]
    failed = []
    for each in wanted:
        try:
            timeline = run_drill(chosen, each)
        except LabError as error:
            failed.append(f"{each.name} FAILED: {error}")
            continue
        rows += [(each.name, *row) for row in timeline.rows(each)]
    if len(rows) > 1:
        click.echo()
        console.table(rows)
    for sentence in failed:
        click.echo(sentence, err=True)
    sys.exit(1 if failed else 0)


@main.command()
@click.option("--seed", type=int, help="Which incident to play; chosen at random by default.")
@click.option("--prove", is_flag=True, help="Play none, but break each in turn and see that its evidence shows.")
def incident(seed: int | None, prove: bool) -> None:
    """Break something under load for you to find; exit code 1 unless you did."""
    chosen = runtime()
    if not prove:
        sys.exit(0 if game.play(chosen, secrets.randbelow(10_000) if seed is None else seed) else 1)
    failed = []
    for each in game.available(chosen):
        click.echo(f"\n{each.name}: {each.cause}")
        try:
            click.echo(game.prove(chosen, each))
        except LabError as error:
            failed.append(f"{each.name} FAILED: {error}")
    for sentence in failed:
        click.echo(sentence, err=True)
    sys.exit(1 if failed else 0)


@main.command(name="load-ui")
@click.option("--profile")
@load_options
def load_ui(**options: str | None) -> None:
    """Shop from Locust's own page."""
    sys.exit(shop_from_page(runtime(), variables(options)))


@main.command(name="lesson-multiprocess")
def lesson_multiprocess() -> None:
    """Show how Django's counters go wrong with several workers, and how not; needs no running lab."""
    from lessons import multiprocess

    click.echo(multiprocess.teach())


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Run one of the shop's management commands, as in `manage createsuperuser`."""
    sys.exit(runtime().run(["python", "manage.py", *arguments]).returncode)


@main.command(context_settings={"ignore_unknown_options": True})
@click.option("--thorough", is_flag=True, help="Also run the tests left to the other runtime.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(thorough: bool, arguments: tuple[str, ...]) -> None:
    """Run the tests; ARGUMENTS are pytest's.

    First those that need no lab; then those that use the lab that is running, or else start one on the host. With
    RUNTIME=host or RUNTIME=compose only the latter, on that runtime.
    """
    asked = os.environ.get("RUNTIME", "")
    os.environ["RUNTIME"] = asked or choose.to_test_on(os.environ)
    if asked != "compose":
        programs.find_all()
    if not arguments and not asked and (code := pytest(*NEED_NO_LAB)):
        sys.exit(code)
    sys.exit(pytest(*(arguments or ("tests/live",)), *(["--thorough"] if thorough else [])))


@main.command()
def check() -> None:
    """Run the linters and the tests that need no running lab."""
    for command in (["ruff", "check"], ["ruff", "format", "--check"], ["oxlint"]):
        if code := subprocess.run([tool(command[0]), *command[1:]], cwd=ROOT).returncode:
            sys.exit(code)
    programs.find_all()
    sys.exit(pytest(*NEED_NO_LAB))


@main.command()
def generate() -> None:
    """Write all that is generated."""
    from tools import artwork, docs

    host = HostRuntime(settings.load(os.environ))
    page = contract.page(contract.load())
    routes = host.manage("nginx_routes")
    dashboards = model.generate()
    alerting = rules.files()
    tables = docs.pages()
    PAGE.write_text(page)
    for file in set(model.FOLDER.glob("*.json")) - dashboards.keys():
        file.unlink()
    for file, content in {**dashboards, **alerting, **tables}.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
    (ROOT / "nginx" / "routes.conf").write_text(f"{routes}\n")
    click.echo(f"pictures: {artwork.write()} drawn")


@main.command()
def update() -> None:
    """Lock the newest Python packages and print what changed."""
    from tools.update import newer_locks

    for line in newer_locks():
        click.echo(line)


@main.command()
def pictures() -> None:
    """Take the pictures of the docs anew."""
    # Selenium alone takes a fifth of the time in which every other command starts.
    from tools import screenshots

    chosen = runtime()
    report = archive.report(chosen, [archive.read(chosen, archive.last())])
    for file in screenshots.take(chosen, report):
        click.echo(f"{shown(file)}  {file.stat().st_size / 1024:.0f} KiB")


def tool(name: str) -> str:
    """Return the path of a program in the lab's own environment."""
    return str(VENV / "bin" / name)


def pytest(*arguments: str) -> int:
    """Run pytest in the checkout and return its exit code."""
    environment = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    command = [tool("python"), "-m", "pytest", *arguments]
    with_this = signals.to_child_of_this(signal.SIGINT)
    return subprocess.run(command, cwd=ROOT, env=environment, preexec_fn=with_this).returncode
