"""The entry point of the ``lab`` command. It reports every failure in one sentence, even one during the imports."""

import os
import signal
import sys


def main() -> None:
    """Run the command with a cleaned environment."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        # Characters that the terminal cannot encode, such as a check mark, are printed as question marks.
        stream.reconfigure(errors="replace")
    try:
        from lab.runtimes import environment, settings

        environment.clean(settings.CHECKS)
        from lab import cli

        # Until now, lab/bootstrap.py has blocked Ctrl-C, because it could print a traceback during startup and imports.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        cli.main(prog_name="lab")
    except KeyboardInterrupt:
        sys.exit("lab: interrupted before anything was changed.")
    except OSError as error:
        from lab import errors

        sys.exit(f"lab: {errors.sentence(error)}")
    finally:
        _flush()


def _flush() -> None:
    """Flush stdout. If that fails, discard the rest; otherwise Python would retry at exit and print a traceback."""
    try:
        sys.stdout.flush()
    except (OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


main()
