"""The lab's command. Whatever stops it, from the first import on, ends in one sentence."""

import os
import signal
import sys


def main() -> None:
    """Run the command in an environment of the lab's own."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        # Whatever the terminal's encoding lacks, such as a check mark, is printed as a question mark.
        stream.reconfigure(errors="replace")
    try:
        from lab.runtimes import environment, settings

        environment.clean(settings.CHECKS)
        from lab import cli

        # Blocked by lab/bootstrap.py until now: while Python starts and imports, Ctrl-C can end in a traceback.
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
    """Write out what was printed; when that cannot be done, Python must not try again and fail with a traceback."""
    try:
        sys.stdout.flush()
    except (OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


main()
