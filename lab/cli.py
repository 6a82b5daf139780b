"""The commands behind the Makefile's targets."""

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

from lab import bootstrap, console, contract, signals
from lab import doctor as machine
from lab.alerts import notifications, rules
from lab.contract import PAGE
from lab.dashboards import build, model, proof
from lab.drills import catalogue, game
from lab.drills.drill import run_drill
from lab.errors import LabError
from lab.paths import ROOT, VENV, shown, version
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

#: The pytest options for the tests that need no running lab. Each test file uses its own folders and ports, so the
#: files can run in parallel. Even on two CPUs, four run at a time, because tests spend much of their time waiting. The
#: files keep their order, because pytest-xdist would run those with the fewest tests last, and those take the longest.
NEED_NO_LAB = (
    "--ignore=tests/live",
    "--ignore=tests/kubernetes",
    "--numprocesses=4",
    # Do not restart a worker that faulthandler_timeout killed: its file would run again and hang again.
    "--max-worker-restart=0",
    "--dist=loadfile",
    "--no-loadscope-reorder",
)

#: The live tests that also run in a Kubernetes cluster, apart from those that only run there.
IN_A_CLUSTER = tuple(
    f"tests/live/{name}"
    for name in (
        "test_contract.py",
        "test_counts.py",
        "test_dashboards.py",
        "test_series_bounded.py",
        "test_ledger.py::test_a_steady_run_has_no_remainder",
        "kubernetes/test_pods.py",
        "test_drills.py::test_a_drill_makes_its_alerts_fire_and_resolve",
        "kubernetes/test_drills.py",
        "kubernetes/test_release.py",
    )
)


def runtime() -> Runtime:
    """Return the runtime set in ``RUNTIME``, or the one that suits this machine, with validated settings."""
    chosen, _ = choose.choose(os.environ)
    return chosen


@click.group()
@click.version_option(version())
def main() -> None:
    """Pomar's observability lab."""


@main.command()
def up() -> None:
    """Start the lab and wait until every service works."""
    chosen, why = choose.choose(os.environ)
    choose.refuse_other(chosen)
    click.echo(f"Runtime: {chosen.name}, because {why}.")
    ran = chosen.is_running()
    if ran:
        click.echo("The lab is already running.")
    # An interrupted start leaves nothing running, even if the terminal was closed.
    with signals.handled_once():
        chosen.up()
    if not ran:
        events.push(chosen, "deploy", "end", "lab", f"the lab was started ({chosen.name})")
    show_addresses(chosen)


@main.command()
def doctor() -> None:
    """Run the `make up` checks and print how to fix any that fail; exit with 1 if one fails."""
    failed = 0
    for mark, name, found in machine.examine(os.environ):
        click.echo(bootstrap.line(mark, name, found))
        failed += mark == machine.FAILED
    if failed:
        raise LabError(f"`make up` cannot start the lab: {failed} of its checks failed, see above.")
    click.echo("All `make up` checks passed.")


@main.command()
def down() -> None:
    """Stop the lab and keep its data."""
    chosen = runtime()
    chosen.down()
    click.echo(f"The lab is stopped ({chosen.name}). Its data is kept.")


@main.command()
def status() -> None:
    """Show the state, URL and problem of each service; exit with 1 if any service has a problem."""
    chosen = runtime()
    rows = [(service.name, state, chosen.shown_url(service), problem) for service, state, problem in chosen.states()]
    failing = any(problem for *_, problem in rows)
    console.table([("service", "state", "URL", "problem" if failing else ""), *rows])
    if failing:
        sys.exit(1)
    click.echo()
    console.table([_dashboards(chosen), *chosen.notes()])


@main.command()
@click.argument("name", required=False)
@click.option("--follow", is_flag=True, help="Keep printing new lines until Ctrl-C.")
def logs(name: str | None, follow: bool) -> None:
    """Show the latest log lines of every service, or of one."""
    chosen = runtime()
    wanted = [named(chosen, name)] if name else chosen.services
    chosen.logs(wanted, lines=50 if name else 8, follow=follow)


@main.command()
@click.argument("name", default="")
def restart(name: str) -> None:
    """Restart one service and wait until it works again."""
    chosen = runtime()
    began = time.monotonic()
    chosen.restart(named(chosen, name))
    events.push(chosen, "deploy", "end", name, f"{name} was restarted, in {time.monotonic() - began:.1f} s")


@main.command()
@click.option("--force", is_flag=True, help="Skip the confirmation.")
def clean(force: bool) -> None:
    """Stop the lab and delete its data, certificates and secrets."""
    chosen = runtime()
    if not force:
        try:
            click.confirm("Delete this lab's orders, metrics, run reports, certificates and secrets?", abort=True)
        except click.Abort as error:
            raise LabError("nothing was deleted. FORCE=1 skips the question.") from error
    chosen.clean()
    kept = " The database at LAB_DATABASE_URL is unchanged." if chosen.settings["LAB_DATABASE_URL"] else ""
    click.echo(f"The lab is stopped ({chosen.name}) and its data is deleted. Downloads and builds are kept.{kept}")


def named(chosen: Runtime, name: str) -> Service:
    """Return the service with this name. Raise LabError, listing the valid names, if there is none."""
    found = next((known for known in chosen.services if known.name == name), None)
    if not found:
        names = ", ".join(known.name for known in chosen.services)
        raise LabError(f"{name!r} is not a service of the lab: set S= to one of {names}.")
    return found


def show_addresses(chosen: Runtime) -> None:
    """Print the URLs of the lab's pages, the CA certificate to trust, and other notes."""
    pages = [(known.name, chosen.shown_url(known), known.what) for known in chosen.services if known.page]
    console.table([_dashboards(chosen), *pages, *chosen.notes()])


def _dashboards(chosen: Runtime) -> tuple[str, str, str]:
    """Return the row for the dashboards' URL, which redirects to Grafana or, without Grafana, shows them live."""
    return "dashboards", chosen.shown_url(services.named("receiver"), "/dashboards/"), "every service at a glance"


def load_options(command):
    """Add the load run options to a command. ``variables()`` turns them into variables for ``loadtest/``."""
    helps = {"users": "Number of users.", "duration": "Duration, such as 90s or 5m.", "seed": "Random seed."}
    for name, what in helps.items():
        command = click.option(f"--{name}", help=what)(command)
    return command


def variables(options: Mapping[str, str | None]) -> dict[str, str]:
    """Return the options that were given, keyed by the names of the variables that ``loadtest/`` reads."""
    return {name.upper(): value for name, value in options.items() if value}


@main.command()
@click.option("--profile", default="steady", show_default=True)
@click.option(
    "--until-stopped", is_flag=True, flag_value="1", hidden=True, help="Stopping the run early is not a failure."
)
@load_options
def load(profile: str, **options: str | None) -> None:
    """Restock, run a load test and print its ledger; exit with 1 if a request fails or the counts do not match."""
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
    """Print the ledger of the last load run, or of the run in RESULT; exit with 1 unless all counts match exactly."""
    sys.exit(_show_ledger(archive.read(runtime(), result or archive.last())))


@main.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path))
@click.option("--compare", is_flag=True, help="Compare two runs: first the earlier one, then the later one.")
@click.option("--runs", "listed", default="", help="One or two RESULTs in a single shell-quoted argument.")
def report(results: tuple[Path, ...], compare: bool, listed: str) -> None:
    """Write and open the report on the last load run, or on the run in RESULT."""
    results = results or tuple(map(Path, shlex.split(listed))) or (archive.last(),)
    if len(results) != 2 and (compare or len(results) != 1):
        raise LabError('a report covers one run, a comparison covers two: set R=A or R="A B".')
    chosen = runtime()
    file = archive.report(chosen, [archive.read(chosen, each.resolve()) for each in results])
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    click.echo(f"Report: {shown(file)}{'' if display else ' (not opened, because this session has no display)'}")
    if display:
        webbrowser.open(file.as_uri())


def _show_ledger(run: Run) -> int:
    click.echo(f"\n{text.page(run.ledger)}")
    return 0 if run.ledger.verdict == "exact" else 1


@main.command()
def panels() -> None:
    """Run every dashboard query; exit with 1 if one fails or is slow, or if a panel is unexpectedly empty."""
    chosen = runtime()
    found = proof.prove(Api(chosen.url(services.named("prometheus"), "")), chosen.provides)
    click.echo(proof.page(found))
    sys.exit(1 if found.wrong else 0)


@main.command()
def images() -> None:
    """Check that every official image exists for amd64 and arm64; exit with 1 if one does not."""
    wrong = []
    for image, problem in registry.check(settings.load(os.environ)):
        click.echo(f"  {'✗' if problem else '✓'} {image}")
        wrong += [problem] if problem else []
    for sentence in wrong:
        click.echo(sentence, err=True)
    sys.exit(1 if wrong else 0)


@main.command()
def alerts() -> None:
    """Show firing alerts, their state in Alertmanager and the notifications sent; exit with 1 if a source is down."""
    page, complete = notifications.page(runtime())
    click.echo(page)
    sys.exit(0 if complete else 1)


@main.command()
@click.argument("name", default="")
def drill(name: str) -> None:
    """Inject a fault under load and wait until its alerts fire and resolve."""
    _drill([catalogue.named(name)])


@main.command(name="drills")
def all_drills() -> None:
    """Run every drill that this runtime supports; exit with 1 if any of them fails."""
    chosen = runtime()
    for each in catalogue.DRILLS:
        if missing := set(each.needs) - chosen.provides:
            click.echo(f"{each.name}: skipped on {chosen.name}, because it needs {', '.join(sorted(missing))}.")
    _drill([each for each in catalogue.DRILLS if chosen.provides.issuperset(each.needs)])


def _drill(wanted: Sequence[catalogue.Drill]) -> None:
    """Run drills one after the other and print when each alert fired and resolved; exit with 1 if a drill fails."""
    chosen = runtime()
    rows = [("drill", "alert", "fired after the fault", "resolved after the revert")]
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
    if not failed and wanted:
        click.echo("\nPASSED: every alert fired and resolved.")
    sys.exit(1 if failed else 0)


@main.command()
@click.option("--seed", type=int, help="The incident to play; random by default.")
@click.option("--prove", is_flag=True, help="Check that the evidence of each incident appears, instead of playing.")
def incident(seed: int | None, prove: bool) -> None:
    """Break something under load for you to find; exit with 1 unless you find it."""
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
    """Run load tests from Locust's web page."""
    sys.exit(shop_from_page(runtime(), variables(options)))


@main.command(name="lesson-multiprocess")
def lesson_multiprocess() -> None:
    """Show how Django's counters go wrong with several workers, and how to fix them; needs no running lab."""
    from lessons import multiprocess

    click.echo(multiprocess.teach())


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Run one of the shop's management commands, for example `manage createsuperuser`."""
    sys.exit(runtime().run(["python", "manage.py", *arguments]).returncode)


@main.command(context_settings={"ignore_unknown_options": True})
@click.option("--thorough", is_flag=True, help="Also run the slow tests that this runtime skips by default.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(thorough: bool, arguments: tuple[str, ...]) -> None:
    """Run the tests; ARGUMENTS are passed to pytest.

    The tests that need no lab run first. The live tests then use the running lab, or start one on the host. With
    RUNTIME=host, compose or kubernetes, only the live tests run, on that runtime.
    """
    asked = os.environ.get("RUNTIME", "")
    os.environ["RUNTIME"] = asked or choose.to_test_on(os.environ)
    if asked not in ("compose", "kubernetes"):
        programs.find_all()
    live = IN_A_CLUSTER if asked == "kubernetes" else ("tests/live",)
    if not arguments and not asked and (code := pytest(*NEED_NO_LAB)):
        sys.exit(code)
    sys.exit(pytest(*(arguments or live), *(["--thorough"] if thorough else [])))


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
    """Write all generated files."""
    from tools import artwork, docs, manifests

    host = HostRuntime(settings.load(os.environ))
    page = contract.page(contract.load())
    routes = host.manage("nginx_routes")
    dashboards = build.generate()
    alerting = rules.files()
    tables = docs.pages()
    PAGE.write_text(page)
    for file in set(model.FOLDER.glob("*.json")) - dashboards.keys():
        file.unlink()
    for file, content in {**dashboards, **alerting, **tables}.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
    (ROOT / "nginx" / "routes.conf").write_text(f"{routes}\n")
    # Rendered from the files above.
    for file, content in manifests.files().items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
    click.echo(f"Product images drawn: {artwork.write()}")


@main.command()
def update() -> None:
    """Lock the newest Python packages and print the changes."""
    from tools.update import newer_locks

    for line in newer_locks():
        click.echo(line)


@main.command()
def pictures() -> None:
    """Retake the screenshots in the docs."""
    # Imported only here, because Selenium would increase the startup time of every other command by a fifth.
    from tools import screenshots

    chosen = runtime()
    report = archive.report(chosen, [archive.read(chosen, archive.last())])
    for file in screenshots.take(chosen, report):
        click.echo(f"{shown(file)}  {file.stat().st_size / 1024:.0f} KiB")


def tool(name: str) -> str:
    """Return the path of a program in the lab's virtual environment."""
    return str(VENV / "bin" / name)


def pytest(*arguments: str) -> int:
    """Run pytest in the checkout and return its exit code."""
    environment = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    command = [tool("python"), "-m", "pytest", *arguments]
    with signals.starting_child(signal.SIGINT) as with_this:
        running = subprocess.Popen(command, cwd=ROOT, env=environment, preexec_fn=with_this)
    with running:
        try:
            return running.wait()
        except BaseException:
            running.kill()
            raise
