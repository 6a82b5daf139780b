"""How the lab says no: one sentence on what is wrong and how to mend it."""

import errno

import click

from lab.paths import STATE


class LabError(click.ClickException):
    """A failure that the user can mend. Its message is the whole report; the exit code is 1."""

    def show(self, file: object = None) -> None:
        """Print the sentence on stderr."""
        click.secho(f"lab: {self.format_message()}", fg="red", err=True)


def sentence(error: OSError) -> str:
    """Return what the operating system refused, and for a full or read-only disk what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{error.filename or STATE}: {error.strerror}: free some space there, or make it writable."
    return f"{error.filename or 'the system'}: {error.strerror or error}."
