"""The signals that end a program, for what must be mended or taken away before it ends."""

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: From <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def to_child_of_this(number: signal.Signals) -> Callable[[], None]:
    """Return a ``preexec_fn`` whose process gets this signal when this one exits, even by SIGKILL.

    The kernel sends it when the *thread* that started the child exits: start the child from one that lives as long.
    """
    parent = os.getpid()

    def ask() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(number))
        # It may have exited before the kernel was asked.
        if os.getppid() != parent:
            os.kill(os.getpid(), number)

    return ask


@contextmanager
def heeded_once() -> Iterator[None]:
    """Let a kill or a closed terminal do what Ctrl-C does, once: what comes then finds the end under way already.

    What somebody else has decided upon stays (``nohup``), and so does all of it in another thread than the main one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in ENDING}
    ours = [each for each in ENDING if before[each] in (signal.SIG_DFL, signal.default_int_handler)]

    def end(*_: object) -> None:
        for each in ours:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for each in ours:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, before[each])


@contextmanager
def unheeded() -> Iterator[None]:
    """Let none of them end this block, nor what it starts."""
    before = {each: signal.signal(each, signal.SIG_IGN) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
