"""Create the lab's Python environment and run a command in it: ``python3 lab/bootstrap.py COMMAND…``.

Builds ``.lab/venv`` from the hash-locked requirements if it is missing or the requirements have changed, then replaces
itself with ``python -m lab COMMAND…`` in that environment. Uses only the standard library.
"""

# ruff: noqa: E402
# Use _signal instead of signal, because signal imports other modules.
import _signal

if __name__ == "__main__":
    # Block Ctrl-C until the imports are done, so that it prints one sentence instead of a traceback.
    _signal.pthread_sigmask(_signal.SIG_BLOCK, {_signal.SIGINT})

import ast
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import unicodedata
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
# By default, Python searches this file's folder for modules. With -I or PYTHONSAFEPATH, it searches none in the
# checkout.
sys.path.insert(0, str(ROOT))

from lab import network
from lab.runtimes import environment

REQUIREMENTS = ROOT / "requirements"
STATE = ROOT / ".lab"
VENV = STATE / "venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "requirements.sha256"
#: Ignore the shell's PYTHON… variables and the user's own packages, and use UTF-8 in every locale.
FLAGS = ("-E", "-s", "-X", "utf8")
PIP = (PYTHON, "-I", "-m", "pip")
PIP_LOG = STATE / "logs" / "pip.log"
#: A second pip process installs uWSGI at the same time.
UWSGI_LOG = STATE / "logs" / "pip-uwsgi.log"
#: Seconds between progress lines.
PROGRESS_SECONDS = 5
#: Characters with a special meaning in the shell, uWSGI, NGINX, mtail, Locust, SQLite URLs, the PATH or Docker.
REFUSED_CHARACTERS = '"#$%*,:?[\\`'


def fail(sentence: str) -> NoReturn:
    """Exit with code 1 and one sentence on stderr."""
    sys.exit(f"lab: {sentence}")


def refused_character(path: str) -> str:
    """Return the first unsupported character in a path as a Python literal, or an empty string if there is none."""
    # Decode as UTF-8 in every locale. An invalid byte becomes a lone surrogate.
    for character in os.fsencode(path).decode("utf-8", "surrogateescape"):
        if character in REFUSED_CHARACTERS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            return ascii(character)
    return ""


def wanted() -> str:
    """Return a digest of everything the environment depends on: the locked requirements, this Python, and the path."""
    digest = hashlib.sha256(f"{sys.version} {VENV.resolve()}".encode())
    for path in sorted(REQUIREMENTS.glob("*.txt")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    """Return whether the environment exists and was built from the current requirements."""
    try:
        return STAMP.read_text() == wanted() and PYTHON.exists()
    except OSError:
        return False


def lab_runs() -> bool:
    """Return whether a lab is running from this environment."""
    try:
        os.kill(int((STATE / "run" / "supervisord.pid").read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def check_python() -> tuple[str, str]:
    """Check that this is Python 3.11 or newer."""
    version = sys.version.split()[0]
    if sys.version_info < (3, 11):  # noqa: UP036 (the machine's own Python runs this, and it may be older)
        return "", f"Python 3.11 or newer is required, but this is {version}: install it, or set PYTHON=python3.12."
    return f"{version} ({sys.executable})", ""


def check_path() -> tuple[str, str]:
    """Check that all of the lab's programs work with the path of this checkout."""
    path = str(ROOT)
    if character := refused_character(path):
        problem = f"the path of this checkout contains {character}"
        return "", f"{problem}: move the checkout from {path!a} to a path without that character."
    return path, ""


def check_requirements() -> tuple[str, str]:
    """Check that no lab is running from an outdated environment. Only `make down` is allowed to use one."""
    if is_current():
        return "ready, built from the current requirements", ""
    if lab_runs() and sys.argv[1:2] != ["down"]:
        return "", "the running lab was started with other requirements or another Python: run `make down` first."
    return "not built yet; building it from requirements/ takes about a minute", ""


def check_venv() -> tuple[str, str]:
    """Check that this Python can create a virtual environment, unless there is one that is in use."""
    if is_current() or lab_runs():
        return "not needed: the environment exists", ""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        return "", "this Python has no venv module: install it (on Debian: apt install python3-venv)."
    return "present", ""


def check_state() -> tuple[str, str]:
    """Check that ``.lab`` can hold the environment, unless the environment exists."""
    if is_current():
        return "not needed: the environment exists", ""
    try:
        STATE.mkdir(exist_ok=True)
        (STATE / "bootstrap.lock").touch()
    except OSError as error:
        return "", cannot_hold(error)
    return str(STATE), ""


def cannot_hold(error: Exception) -> str:
    """Return the sentence to print if ``.lab`` cannot be written."""
    return f"the lab cannot write to {STATE} ({error}): free some space there, or make it writable."


#: The checks that every command runs before it uses or creates the Python environment. The keys are the names that
#: `make doctor` shows. Each check returns what it found and, if it fails, a sentence with the problem and its fix.
CHECKS = {
    "Python": check_python,
    "path": check_path,
    "environment": check_requirements,
    "venv module": check_venv,
    "environment folder": check_state,
}


def line(mark: str, name: str, text: str) -> str:
    """Return one line of the `make doctor` output."""
    return f"  {mark} {name:<20} {text}"


def examine() -> None:
    """Print the result of each check in this file. If one fails, exit with code 1.

    The other `make doctor` checks need the Python environment.
    """
    failed = False
    for name, check in CHECKS.items():
        found, problem = check()
        failed |= bool(problem)
        print(line("✗" if problem else "✓", name, problem or found), flush=True)
    if not is_current():
        compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
        found = shutil.which(compiler) or f"no {compiler}: the pyuwsgi wheel is installed instead of compiling uWSGI"
        print(line("·", "C compiler", found), flush=True)
    if failed:
        fail("the other checks need the Python environment: fix the problems above, then run `make doctor` again.")


def of_pip() -> dict[str, str]:
    """Return the environment variables for pip, including the user's settings for finding and downloading packages.

    All other pip settings of the user are dropped. The settings are passed as variables, so that pip reads no
    configuration file, which could contain ``user = true`` or ``target = …``.
    """
    own = environment.for_tools()
    # Without PIP_USER=0, pip would list only the user's own file if a file sets `user = true`.
    listed = subprocess.run([*PIP, "config", "list"], env=own | {"PIP_USER": "0"}, capture_output=True, text=True)
    if listed.returncode != 0:
        fail(f"pip's configuration cannot be read: {(listed.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    given = {}
    for listed_line in listed.stdout.splitlines():
        name, _, value = listed_line.partition("=")
        section, _, key = name.rpartition(".")
        given[section, key] = value
    settings = {name: value for name, value in own.items() if not name.startswith("PIP_")}
    # Later sections win, as in pip.
    for section in ("global", "install", ":env:"):
        for key in environment.PIP:
            if (section, key) in given:
                settings[f"PIP_{key.upper().replace('-', '_')}"] = ast.literal_eval(given[section, key])
    return settings | {"PIP_CONFIG_FILE": os.devnull}


def install(name: str, log: Path, env: dict[str, str]) -> subprocess.Popen:
    """Start installing a locked requirements file into the environment. pip's output goes to ``log``."""
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--require-hashes"]
    command = [*PIP, "install", *options, "-r", str(REQUIREMENTS / f"{name}.txt")]
    with log.open("w") as output:
        return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def progress(said: str, locked: int, installed: int) -> str:
    """Return the progress of an installation, from pip's output so far and the number of installed packages."""
    total = locked - len(re.findall(r"^Ignoring ", said, re.MULTILINE))
    names = re.findall(r"^Collecting ([\w.-]+)", said, re.MULTILINE)
    if "Installing collected packages" in said:
        last = ", byte-compiling them" if installed >= total else ""
        return f"{min(installed, total)} of {total} packages installed{last}"
    return f"{len(names)} of {total} packages downloaded" + (f", now {names[-1]}" if names else "")


def wait_for(packages: subprocess.Popen, uwsgi: subprocess.Popen, folder: Path) -> None:
    """Wait for both installations, printing their progress every few seconds."""
    locked = len(re.findall(r"^[\w.-]+==", (REQUIREMENTS / "lab.txt").read_text(), re.MULTILINE))
    began = shown = time.monotonic()
    while packages.poll() is None or uwsgi.poll() is None:
        time.sleep(0.1)
        if time.monotonic() - shown < PROGRESS_SECONDS:
            continue
        shown = time.monotonic()
        parts = []
        if packages.poll() is None:
            installed = len(list(folder.glob("*.dist-info")))
            parts.append(progress(PIP_LOG.read_text(errors="replace"), locked, installed))
        if uwsgi.poll() is None:
            compiling = "Building wheel" in UWSGI_LOG.read_text(errors="replace")
            parts.append("compiling uWSGI" if compiling else "downloading uWSGI")
        if parts:
            print(f"  {shown - began:3.0f} s  {'; '.join(parts)}", flush=True)


def why_pip_failed(said: str, env: dict[str, str]) -> str:
    """Return why pip failed, according to its output. Mention the network only if pip could not connect."""
    lines = [each.strip() for each in said.splitlines() if each.strip()]
    errors = [each.removeprefix("ERROR: ") for each in lines if "ERROR" in each]
    reason = (errors or lines or ["pip printed nothing"])[-1]
    # pip prints the same error for an index that it cannot read and for one that lacks the package.
    if missing := re.search(r"requirement (\S+).* \(from versions: none\)", said):
        reason = index_problem(missing[1], env) or reason
    return f"{reason.rstrip('.')}.{' Check the network.' if network.failed(reason) else ''}"


def index_problem(requirement: str, env: dict[str, str]) -> str:
    """Try to download a package. Return why pip cannot read its index, or an empty string if it can."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["-vv", "--disable-pip-version-check", "--no-input", "--no-deps", "--retries=0", "--dest", folder]
        command = [*PIP, "download", *options, requirement]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
    found = re.search(r"Could not fetch URL (\S+): (.+?)(?: - skipping)?$", done.stdout + done.stderr, re.MULTILINE)
    if not found:
        return ""
    # Show the innermost cause in a chain of exceptions.
    errors = re.findall(r"\[Errno -?\d+\] ([^'\")\]]+)", found[2])
    address = re.sub(r"//[^/@]*@", "//", found[1])
    return f"pip cannot read {address}: {errors[-1] if errors else found[2]}"


def make_environment() -> None:
    """Create the virtual environment. If that fails, remove it."""
    began = time.monotonic()
    print("Creating the lab's Python environment (only once for these requirements) …", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    PIP_LOG.parent.mkdir(parents=True, exist_ok=True)
    made = [sys.executable, "-I", "-m", "venv", VENV]
    subprocess.run(made, env=environment.for_tools(), check=True, stdout=subprocess.DEVNULL)
    # Write the .pth file that an editable install would create. A relative path works in every locale.
    folder = Path(sysconfig.get_path("purelib", "venv", {"base": str(VENV)}))
    (folder / "pomar_telemetry.pth").write_text(f"{os.path.relpath(ROOT / 'telemetry' / 'src', folder)}\n")
    env = of_pip()
    packages, uwsgi = install("lab", PIP_LOG, env), install("uwsgi", UWSGI_LOG, env)
    try:
        wait_for(packages, uwsgi, folder)
    except BaseException:
        for process in (packages, uwsgi):
            process.kill()
            process.wait()
        raise
    log = PIP_LOG
    if packages.returncode == 0 and uwsgi.returncode != 0:
        print("uWSGI cannot be compiled here: installing the prebuilt pyuwsgi wheel instead.", flush=True)
        uwsgi, log = install("pyuwsgi", UWSGI_LOG, env), UWSGI_LOG
        uwsgi.wait()
    if packages.returncode != 0 or uwsgi.returncode != 0:
        reason = why_pip_failed(log.read_text(errors="replace"), env)
        shutil.rmtree(VENV, ignore_errors=True)
        fail(f"the Python packages cannot be installed: {reason} pip's full output is in {log}.")
    STAMP.write_text(wanted())
    print(f"Python environment ready in {time.monotonic() - began:.0f} s.", flush=True)


def main() -> None:
    """Run the checks, rebuild the environment if it is outdated, then replace this process with the lab's command."""
    if sys.argv[1:2] == ["doctor"]:
        examine()
    for check in CHECKS.values():
        _, problem = check()
        if problem:
            fail(problem)
    # If a lab is running from an outdated environment, `make down` uses that environment.
    if not is_current() and not lab_runs():
        try:
            with (STATE / "bootstrap.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not is_current():
                    make_environment()
        except KeyboardInterrupt:
            shutil.rmtree(VENV, ignore_errors=True)
            fail("interrupted while creating the Python environment; run the same command again.")
        except BrokenPipeError:
            shutil.rmtree(VENV, ignore_errors=True)
            raise
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(VENV, ignore_errors=True)
            fail(cannot_hold(error))
    os.chdir(ROOT)
    # Block Ctrl-C until lab/__main__.py can handle it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.execv(PYTHON, [str(PYTHON), *FLAGS, "-m", "lab", *sys.argv[1:]])


if __name__ == "__main__":
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        main()
    except KeyboardInterrupt:
        fail("interrupted before anything was changed.")
    except BrokenPipeError:
        sys.exit(1)
