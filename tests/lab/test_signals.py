"""Test that a signal to terminate is handled once, and that later ones are ignored during cleanup."""

import os
import signal
import subprocess
import sys

import pytest

from lab import signals

#: A signal that arrives just before read() blocks is handled only after read() returns, so the program polls for input.
PROGRAM = """
import select
import sys

from lab import signals

def line():
    while not select.select([sys.stdin], [], [], 0.1)[0]:
        pass
    return sys.stdin.readline().strip()

with signals.handled_once():
    try:
        print("ready", flush=True)
        print("goes on", line(), flush=True)
        line()
    finally:
        print("cleaning up", flush=True)
        print("cleaned up", line(), flush=True)
"""


def begin(*ignored: signal.Signals) -> subprocess.Popen:
    """Start the program and wait until it is ready. It ignores only these signals, even if its parent ignores more."""

    def decide() -> None:
        for each in signals.ENDING:
            signal.signal(each, signal.SIG_IGN if each in ignored else signal.SIG_DFL)

    command = [sys.executable, "-c", PROGRAM]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    program = subprocess.Popen(command, **pipes, text=True, preexec_fn=decide)
    assert program.stdout.readline() == "ready\n"
    return program


@pytest.mark.parametrize("number", signals.ENDING, ids=lambda number: number.name)
@pytest.mark.parametrize("later", signals.ENDING, ids=lambda number: number.name)
def test_the_first_signal_stops_a_program_and_cleanup_ignores_later_ones(number, later):
    program = begin()
    program.send_signal(number)
    assert program.stdout.readline() == "cleaning up\n"
    program.send_signal(later)

    said, _ = program.communicate("all\n", timeout=10)

    assert said == "cleaned up all\n"
    assert program.returncode != 0


def test_a_signal_ignored_by_nohup_stays_ignored():
    program = begin(signal.SIGHUP)
    program.send_signal(signal.SIGHUP)
    program.stdin.write("with it\n")
    program.stdin.flush()
    assert program.stdout.readline() == "goes on with it\n"

    program.send_signal(signal.SIGTERM)
    # Wait until the signal has been handled. Before that, the block would read the line that is meant for the cleanup.
    assert program.stdout.readline() == "cleaning up\n"

    assert program.communicate("all\n", timeout=10)[0] == "cleaned up all\n"


def test_signal_handlers_are_restored_afterwards():
    before = [signal.getsignal(each) for each in signals.ENDING]

    with pytest.raises(KeyboardInterrupt), signals.handled_once():
        os.kill(os.getpid(), signal.SIGTERM)
    with signals.handled_once(), signals.ignored():
        os.kill(os.getpid(), signal.SIGTERM)

    assert [signal.getsignal(each) for each in signals.ENDING] == before


def test_ignored_signals_stop_neither_the_block_nor_its_child_process():
    with signals.ignored():
        child = subprocess.Popen(["sh", "-c", "kill -INT $$; kill -TERM $$; echo lives"], stdout=subprocess.PIPE)
        os.kill(os.getpid(), signal.SIGINT)
        said, _ = child.communicate(timeout=10)

    assert said == b"lives\n"


def test_a_child_gets_its_signal_when_its_parent_is_killed():
    child = "import signal; print('ready', flush=True); print(signal.sigwait([signal.SIGTERM]).name, flush=True)"
    parent = (
        "import signal, subprocess, sys; from lab import signals; "
        # SIGTERM is blocked in the child, too. So the signal is not lost if it arrives before sigwait().
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); "
        "starting = signals.starting_child(signal.SIGTERM); with_this = starting.__enter__(); "
        "child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], start_new_session=True, preexec_fn=with_this); "
        "starting.__exit__(None, None, None); child.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", parent, child], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "ready\n"

        program.kill()

        assert program.stdout.read() == "SIGTERM\n"


def test_a_signal_that_arrives_while_a_child_is_started_is_not_lost():
    program = """if True:
        import os, signal, subprocess
        from lab import signals

        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGINT))
        with signals.handled_once():
            with signals.starting_child(signal.SIGTERM) as with_this:
                child = subprocess.Popen(["true"], preexec_fn=with_this)
            print("the signal was lost")
    """

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=10)

    assert (done.stdout, done.returncode) == ("", -signal.SIGINT)
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
