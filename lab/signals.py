"""Handle the signals that terminate a program, so that it can clean up first."""

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


@contextmanager
def starting_child(number: signal.Signals) -> Iterator[Callable[[], None]]:
    """Yield a ``preexec_fn`` that makes the child get this signal when this process exits, even by SIGKILL.

    Start the child in this block. It blocks the ``ENDING`` signals, because Python discards an exception that is
    raised while it forks: the KeyboardInterrupt of :func:`handled_once` would be lost.

    The kernel sends the signal when the *thread* that started the child exits, so start the child from a thread that
    lives as long as the process.
    """
    parent = os.getpid()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    def ask() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(number))
        # The parent may have exited before prctl was called.
        if os.getppid() != parent:
            os.kill(os.getpid(), number)
        for each in ENDING:
            # Until the child runs its program, it still has this process's handlers.
            if callable(signal.getsignal(each)):
                signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield ask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def handled_once() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a KeyboardInterrupt, and ignore later ones during the shutdown.

    A signal that is already ignored (``nohup``) or has another handler is left alone. Does nothing outside the main
    thread.
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
def ignored() -> Iterator[None]:
    """Ignore SIGINT, SIGTERM and SIGHUP in this block and in the processes that it starts."""
    before = {each: signal.signal(each, signal.SIG_IGN) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
