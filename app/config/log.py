"""Write each log record as one line, so that records can be counted and shipped line by line."""

import logging


class OneLineFormatter(logging.Formatter):
    r"""Replaces line breaks, such as those in tracebacks or in a visitor's input, with a literal ``\n``."""

    def format(self, record: logging.LogRecord) -> str:
        return "\\n".join(super().format(record).splitlines())
