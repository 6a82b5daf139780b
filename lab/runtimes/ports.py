"""Check that ports are free, and name the program that uses a port."""

import errno
import socket

import psutil

from lab.errors import LabError

CONNECTION = "an outgoing connection"


def refuse_taken(settings: dict[str, str], names: list[str]) -> str:
    """Check that these ports are free on 127.0.0.1 and ::1, and return a sentence that says so.

    If a port cannot be bound, raise LabError with the program that uses it and the setting to change.
    """
    for name in names:
        port = int(settings[name])
        # The lab listens only on 127.0.0.1, but a browser may resolve `localhost` to ::1.
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
                        f"this user is not allowed to bind port {port}: set {name} to a port above 1023 in .env."
                    ) from error
                taken_by = holder(port)
                wait = "stop it" if taken_by != CONNECTION else "try again"
                raise LabError(
                    f"port {port} is taken by {taken_by}: {wait}, or set {name} to another port in .env."
                ) from error
    return f"{', '.join(settings[name] for name in names)} are free on 127.0.0.1 and ::1"


def free_ports(count: int) -> list[int]:
    """Return ports on 127.0.0.1 that the kernel will not assign to any other program within the next 60 s.

    A port that was only bound and closed could be assigned to another program or to an outgoing connection before a
    service binds it. So a connection to each port is opened and closed from the server's side, which leaves the port in
    TIME_WAIT. Only a server that binds the port by number with SO_REUSEADDR can then get it. All of the lab's servers
    do that.
    """
    ports = []
    for _ in range(count):
        with socket.create_server(("127.0.0.1", 0)) as server:
            ports.append(server.getsockname()[1])
            with socket.create_connection(server.getsockname()):
                server.accept()[0].close()
    return ports


def holder(port: int) -> str:
    """Return what is using ``port``: a listening program, an outgoing connection, or "a program of another user"."""
    try:
        found = [each for each in psutil.net_connections("tcp") if each.laddr.port == port]
    except psutil.AccessDenied:
        found = []
    listening = [each for each in found if each.status == psutil.CONN_LISTEN]
    for each in listening:
        if each.pid:
            return f"{psutil.Process(each.pid).name()} (process {each.pid})"
    # The kernel assigns ports to outgoing connections from a separate range, mostly above 32767.
    return CONNECTION if found and not listening else "a program of another user"
