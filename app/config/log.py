"""One line per log record, so that a log can be read, counted and shipped line by line."""

import logging


class OneLineFormatter(logging.Formatter):
    """Writes a record on one line: line breaks, in tracebacks or sent by a visitor, become a visible ``\\n``."""

    def format(self, record: logging.LogRecord) -> str:
        return "\\n".join(super().format(record).splitlines())
