"""Refuse a port that another program holds, and name that program."""

import errno
import socket

import psutil

from lab.errors import LabError

CONNECTION = "an outgoing connection"


def refuse_taken(settings: dict[str, str], names: list[str]) -> str:
    """Return these ports, all of them free on 127.0.0.1 and ::1.

    Raises LabError, naming the holder and the setting that moves it, when one cannot be bound.
    """
    for name in names:
        port = int(settings[name])
        # The lab listens on 127.0.0.1 alone, but a browser may take `localhost` for ::1.
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                with socket.socket(family, socket.SOCK_STREAM) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((address, port))
            except OSError as error:
                if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    continue  # this machine has no IPv6
                if error.errno == errno.EACCES:
                    raise LabError(
                        f"port {port} may not be bound by this user: set {name} above 1023 in .env."
                    ) from error
                taken_by = holder(port)
                wait = "stop it" if taken_by != CONNECTION else "try again"
                raise LabError(
                    f"port {port} is taken by {taken_by}: {wait}, or set {name} to another port in .env."
                ) from error
    return f"{', '.join(settings[name] for name in names)} are free on 127.0.0.1 and ::1"


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody else is given within the next 60 s, whatever starts meanwhile.

    A port that was merely bound and closed again is any other program's, or an outgoing connection's, before a service
    binds it. One whose last connection was closed from this side stays in the kernel's state TIME_WAIT: then only a
    server that asks for it by number, with SO_REUSEADDR as all servers here have it, gets it.
    """
    ports = []
    for _ in range(count):
        with socket.create_server(("127.0.0.1", 0)) as server:
            ports.append(server.getsockname()[1])
            with socket.create_connection(server.getsockname()):
                server.accept()[0].close()
    return ports


def holder(port: int) -> str:
    """Return what holds ``port``, as well as this user may know it: a program that listens, or a connection."""
    try:
        found = [each for each in psutil.net_connections("tcp") if each.laddr.port == port]
    except psutil.AccessDenied:
        found = []
    listening = [each for each in found if each.status == psutil.CONN_LISTEN]
    for each in listening:
        if each.pid:
            return f"{psutil.Process(each.pid).name()} (process {each.pid})"
    # The system gives the connections of clients ports from a range of its own, mostly above 32767.
    return CONNECTION if found and not listening else "a program of another user"
