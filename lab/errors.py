"""Errors that the lab reports: one sentence on what is wrong and how to fix it."""

import errno

import click

from lab.paths import STATE


class LabError(click.ClickException):
    """A failure that the user can fix. Only its message is printed, and the exit code is 1."""

    def show(self, file: object = None) -> None:
        """Print the message on stderr."""
        click.secho(f"lab: {self.format_message()}", fg="red", err=True)


def sentence(error: OSError) -> str:
    """Return the operating system's error as a sentence, with a fix if the disk is full or not writable."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{error.filename or STATE}: {error.strerror}: free some space there, or make it writable."
    return f"{error.filename or 'the system'}: {error.strerror or error}."
