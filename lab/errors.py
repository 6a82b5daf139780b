"""How the lab says no: one sentence on what is wrong and how to mend it."""

import click


class LabError(click.ClickException):
    """A failure that the user can mend. Its message is the whole report; the exit code is 1."""

    def show(self, file: object = None) -> None:
        """Print the sentence on stderr."""
        click.secho(f"lab: {self.format_message()}", fg="red", err=True)
