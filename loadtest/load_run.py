"""A load run, from its first user to its verdict. Locust's events drive it."""

import itertools
import json
import os
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.stats import StatsEntry

from loadtest import summary
from loadtest.options import Options
from loadtest.tally import Tally

# How many seconds users may take to finish their requests after the last stage. Longer than a visitor's timeouts.
SECONDS_TO_FINISH = 60
PROGRESS_SECONDS_ON_A_TERMINAL = 1
PROGRESS_SECONDS_ELSEWHERE = 5


class LoadRun:
    """Counts the requests of a run, prints its progress, and gives the verdict after the last user has stopped."""

    def __init__(self, environment: Environment, options: Options, *, title: str):
        self.options = options
        self.tally = Tally()
        self.ssl_context = ssl.create_default_context(cafile=options.ca_file) if options.ca_file else None
        self._environment = environment
        self._title = title
        self._user_numbers = itertools.count(1)
        self._started = time.time()
        self._began = time.monotonic()
        self._max_users = 0
        self._progress: gevent.Greenlet | None = None

        environment.stop_timeout = SECONDS_TO_FINISH
        events = environment.events
        events.test_start.add_listener(self._start)
        events.request.add_listener(self._count)
        events.spawning_complete.add_listener(self._note_users)
        events.user_error.add_listener(self._note_error)
        events.test_stop.add_listener(self._judge)
        events.quitting.add_listener(self._finish)

    def next_user_number(self) -> int:
        """Return the next user's number. The first one is 1."""
        return next(self._user_numbers)

    def _start(self, **_: Any) -> None:
        self.tally = Tally()
        self._user_numbers = itertools.count(1)
        self._started = time.time()
        self._began = time.monotonic()
        self._max_users = 0
        self._progress = gevent.spawn(self._print_progress)

    def _count(
        self,
        *,
        request_type: str,
        name: str,
        response_time: float,
        response: Any,
        exception: BaseException | None = None,
        **_: Any,
    ) -> None:
        self.tally.request(
            name=name,
            method=request_type,
            status=response.status_code,
            failure=None if exception is None else str(exception),
            seconds=response_time / 1000,
        )

    def _note_users(self, *, user_count: int, **_: Any) -> None:
        self._max_users = max(self._max_users, user_count)

    def _note_error(self, *, exception: BaseException, **_: Any) -> None:
        self.tally.errors[repr(exception)] += 1

    def _print_progress(self) -> None:
        terminal = _on_terminal()
        while True:
            gevent.sleep(PROGRESS_SECONDS_ON_A_TERMINAL if terminal else PROGRESS_SECONDS_ELSEWHERE)
            line = summary.progress(
                self.tally,
                title=self._title,
                seconds=time.monotonic() - self._began,
                of_seconds=self.options.profile.seconds if self._environment.shape_class else None,
                users=self._environment.runner.user_count,
            )
            print(f"\r\033[K{line}" if terminal else line, end="" if terminal else "\n", flush=True)

    def _judge(self, **_: Any) -> None:
        if self._progress is None:  # Locust's web UI was closed before a run started
            return
        duration = time.monotonic() - self._began
        self._progress.kill(block=False)
        self._progress = None
        if self._environment.shape_class and not self.options.until_stopped:
            self.tally.stopped_early = duration < self.options.profile.seconds
        stats = self._environment.stats
        rows = [_row(entry, entry.name) for entry in stats.entries.values()]
        parts = [
            "\r\033[K" if _on_terminal() else "",
            summary.table(rows, _row(stats.total, "all")),
            summary.failures(self.tally),
            summary.verdict(self.tally, seconds=duration),
        ]
        print("\n\n".join(part for part in parts if part), flush=True)
        self._environment.process_exit_code = 1 if self.tally.problems() else 0
        if self.options.result_file:
            self._write_result(self.options.result_file, duration)

    def _write_result(self, path: Path, duration: float) -> None:
        result = {
            "profile": self._title,
            "seed": self.options.seed,
            "users": self._max_users,
            "host": self._environment.host,
            "start": self._started,
            "end": time.time(),
            "duration": duration,
            **self.tally.as_json(),
        }
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            unfinished.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
            unfinished.replace(path)
        except OSError as error:
            print(f"load: cannot write {path}: {error.strerror}.", file=sys.stderr)
            self._environment.process_exit_code = 1

    def _finish(self, **_: Any) -> None:
        """If Locust quits during a run, let users finish their requests before Locust reads the exit code."""
        self._environment.runner.quit()


def _on_terminal() -> bool:
    return sys.stdout.isatty() or bool(os.environ.get("LAB_LOAD_TERMINAL"))


def _row(entry: StatsEntry, name: str) -> summary.Row:
    return summary.Row(
        name=name,
        method=entry.method or "",
        requests=entry.num_requests,
        failures=entry.num_failures,
        median=entry.median_response_time or 0,
        p95=entry.get_response_time_percentile(0.95) or 0,
        p99=entry.get_response_time_percentile(0.99) or 0,
    )
