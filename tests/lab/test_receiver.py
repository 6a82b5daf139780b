"""Test a running notification receiver: what it stores, shows and rejects."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from alertmanager import notifications as stored
from alertmanager.runbooks import FOLDER
from lab.paths import ROOT
from tests.receiver import RECEIVER, notification, running_receiver, status_of, url_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The path of the file with the notifications, in a folder that does not exist yet."""
    return tmp_path / "receiver" / "notifications.jsonl"


@pytest.fixture
def receiver(file: Path) -> Iterator[str]:
    """The URL of a running receiver."""
    with running_receiver(file) as url:
        yield url


def send(url: str, body: dict | bytes) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(f"{url}/", data=data, headers={"Content-Type": "application/json"}, timeout=5)


def kept(url: str) -> list[dict]:
    return requests.get(f"{url}/notifications", timeout=5).json()


def test_it_reports_that_it_is_ready(receiver):
    assert requests.get(f"{receiver}/-/ready", timeout=5).status_code == 200


def test_a_notification_is_stored_complete_and_with_its_arrival_time(receiver):
    sent = notification(summary="NGINX does not run.")

    assert send(receiver, sent).status_code == 200

    (found,) = kept(receiver)
    came = datetime.fromisoformat(found.pop("received"))
    assert found == sent
    assert timedelta() <= datetime.now(UTC) - came < timedelta(seconds=5)


def test_the_page_shows_the_newest_first_and_escapes_html(receiver):
    send(receiver, notification(name="First", status="resolved"))
    send(receiver, notification(receiver="ticket", name="Second", summary="<script>alert(1)</script> & \ud800"))

    answer = requests.get(f"{receiver}/", timeout=5)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert answer.text.index("<td>Second<td>") < answer.text.index("<td>First<td>")
    assert '<tr class="firing"><td>' in answer.text
    assert "<td>ticket<td>firing<td>Second<td>" in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; ?" in answer.text
    assert "<script" not in answer.text


def test_the_page_links_to_an_alerts_runbook_but_never_to_a_script(receiver):
    sent = notification()
    sent["alerts"][0]["annotations"] = {
        "runbook_url": "http://localhost:8095/runbooks/NginxDown",
        "dashboard_url": "javascript:alert(1)",
    }
    send(receiver, sent)

    page = requests.get(f"{receiver}/", timeout=5).text

    assert '<a href="http://localhost:8095/runbooks/NginxDown">Runbook</a>' in page
    assert "javascript" not in page


@pytest.mark.parametrize("name", [each.stem for each in sorted(FOLDER.glob("*.md"))])
def test_every_runbook_is_a_page_and_has_no_broken_links(receiver, name):
    page = requests.get(f"{receiver}/runbooks/{name}", timeout=5)

    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>" in page.text
    assert "```" not in page.text
    links = set(re.findall(r'href="([^"]*)"', page.text)) - {"/", "/dashboards/", "data:,"}
    assert {each for each in links if not re.fullmatch(r"/runbooks/\w*", each)} == set()
    assert {
        each for each in links if not (FOLDER / f"{each.removeprefix('/runbooks/') or 'README'}.md").exists()
    } == set()


def test_the_runbook_index_links_to_every_runbook(receiver):
    page = requests.get(f"{receiver}/runbooks/", timeout=5).text

    names = {each.stem for each in FOLDER.glob("*.md")} - {"README"}
    assert set(re.findall(r'href="/runbooks/(\w+)"', page)) == names


@pytest.mark.parametrize("path", ["Nothing", "../alerts", "..%2falerts", "README.md", "NginxDown/", "%00", "a" * 300])
def test_only_runbooks_are_served_below_their_path(receiver, path):
    assert status_of(f"{receiver}/runbooks/{path}") == 404


def test_the_page_says_when_there_are_no_notifications_yet(receiver):
    assert "None yet." in requests.get(f"{receiver}/", timeout=5).text


ALERT = {"labels": {}, "annotations": {}}
GOOD = {"version": "4", "receiver": "page", "status": "firing", "alerts": [ALERT]}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"\xff\xfe\x00", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"[]", "the body is not an Alertmanager notification"),
        (GOOD | {"version": "3"}, "the body is not an Alertmanager notification"),
        (GOOD | {"receiver": 1}, "needs a receiver"),
        (GOOD | {"status": "on fire"}, "needs a receiver"),
        (GOOD | {"alerts": None}, "needs alerts"),
        (GOOD | {"alerts": ["NginxDown"]}, "needs alerts"),
        (GOOD | {"alerts": [{"labels": {}}]}, "needs alerts"),
        (GOOD | {"alerts": [ALERT | {"labels": {"alertname": 1}}]}, "needs alerts"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_invalid_notification_is_refused_with_a_one_line_error(receiver, body, sentence):
    answer = send(receiver, body)

    assert answer.status_code == 400
    assert sentence in answer.text
    assert answer.text.count("\n") == 1
    assert kept(receiver) == []


@pytest.mark.parametrize(("spare", "status"), [(0, 200), (1, 413)], ids=["1 MiB", "a byte more"])
def test_a_body_may_be_at_most_one_mebibyte(receiver, spare, status):
    body = json.dumps(notification()).encode()

    answer = send(receiver, body + b" " * (1024 * 1024 - len(body) + spare))

    assert answer.status_code == status
    assert len(kept(receiver)) == (status == 200)


def test_a_body_that_is_far_too_large_still_gets_a_response(receiver):
    assert send(receiver, b" " * 4 * 1024 * 1024).status_code == 413


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("POST / HTTP/1.1", "Host: x\r\n", 411),
        ("POST / HTTP/1.1", "Host: x\r\nContent-Length: -1\r\n", 411),
        ("POST / HTTP/1.1", "Host: x\r\nContent-Length: 5\r\n", 400),
        ("POST /notifications HTTP/1.1", "Host: x\r\nContent-Length: 0\r\n", 404),
        ("GET /nothing HTTP/1.1", "Host: x\r\n", 404),
        ("DELETE / HTTP/1.1", "Host: x\r\n", 501),
    ],
    ids=["no length", "a length below 0", "cut off", "another path", "no page", "another method"],
)
def test_an_invalid_request_is_refused_and_nothing_is_stored(receiver, request_line, headers, status):
    port = int(receiver.rpartition(":")[2])

    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"{request_line}\r\n{headers}\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile().readline()

    assert f" {status} " in answer
    assert kept(receiver) == []


def test_notifications_survive_a_restart_and_a_half_written_line(file):
    with running_receiver(file) as url:
        send(url, notification(name="First"))
        send(url, notification(name="Second"))
        before = kept(url)
    with file.open("ab") as opened:
        opened.write(b'{"version": "4", "recei')

    with running_receiver(file) as url:
        send(url, notification(name="Third"))
        after = kept(url)

    assert after[:2] == before
    assert [each["commonLabels"]["alertname"] for each in after] == ["First", "Second", "Third"]
    assert [json.loads(line) for line in file.read_text().splitlines()] == after


def test_no_accepted_notification_is_lost_when_it_is_killed_under_load(file):
    answered = set()
    command = [*RECEIVER, f"--file={file}", "--listen-address=127.0.0.1:0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        url = url_of(process)

        def sender(worker: int) -> None:
            for number in range(1000):
                name = f"A{worker}n{number}"
                try:
                    ok = send(url, notification(name=name)).ok
                except requests.RequestException:
                    return
                if ok:
                    answered.add(name)
                # Two threads may add a name at the same time.
                if len(answered) >= 200:
                    process.kill()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(sender, range(4)))

    with running_receiver(file) as url:
        names = {each["commonLabels"]["alertname"] for each in kept(url)}
    assert len(answered) >= 200
    assert answered <= names
    assert len(names - answered) <= 4


def test_a_thousand_are_stored_and_heartbeats_do_not_push_out_pages(file):
    notifications = stored.Notifications(file)
    page = notification(name="Page")
    notifications.add(page)

    for number in range(2500):
        notifications.add(notification(receiver="watchdog", name=f"Beat{number}"))

    found = [json.loads(line) for line in notifications.all()]
    assert len(found) == 1000
    assert found[0]["commonLabels"]["alertname"] == "Page"
    assert found[1]["commonLabels"]["alertname"] == "Beat1501"
    assert found[-1]["commonLabels"]["alertname"] == "Beat2499"
    assert len(file.read_bytes().splitlines()) <= 2000
    assert stored.Notifications(file).all() == notifications.all()


def test_large_notifications_are_limited_by_their_total_size(file):
    notifications = stored.Notifications(file)

    for number in range(40):
        notifications.add(notification(name=f"Large{number}", summary="x" * 500_000))

    assert sum(map(len, notifications.all())) <= 8 * 1024 * 1024
    assert json.loads(notifications.all()[-1])["commonLabels"]["alertname"] == "Large39"
    assert file.stat().st_size <= 17 * 1024 * 1024
    assert list(file.parent.iterdir()) == [file]


def test_a_failed_rewrite_of_the_file_loses_nothing_and_is_retried(file, capsys):
    notifications = stored.Notifications(file)
    in_the_way = file.with_name(f"{file.name}.new")
    in_the_way.mkdir()

    for number in range(2001):
        notifications.add(notification(name=f"N{number}"))
    long = len(file.read_bytes().splitlines())
    in_the_way.rmdir()
    notifications.add(notification(name="Last"))

    assert f"cannot rewrite {file}: Is a directory." in capsys.readouterr().err
    assert long == 2001
    assert [line + b"\n" for line in notifications.all()] == file.read_bytes().splitlines(keepends=True)
    assert json.loads(notifications.all()[-1])["commonLabels"]["alertname"] == "Last"


def test_a_full_disk_is_a_503_and_leaves_no_partial_line(file):
    with running_receiver(file) as url:
        send(url, notification(name="First"))
        before = file.read_bytes()
        file.unlink()
        file.symlink_to("/dev/full")
        refused = send(url, notification(name="Second"))
        file.unlink()
        file.write_bytes(before)
        again = send(url, notification(name="Second"))
        names = [each["commonLabels"]["alertname"] for each in kept(url)]

    assert (refused.status_code, again.status_code) == (503, 200)
    assert names == ["First", "Second"]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--file=/proc/nothing/n.jsonl", "--listen-address=127.0.0.1:0"], "cannot read or write /proc"),
        (["--file={file}", "--listen-address=127.0.0.1:{taken}"], "cannot listen on"),
        (["--file={file}", "--listen-address=nowhere"], "is not an address"),
    ],
    ids=["file", "port", "address"],
)
def test_it_exits_with_a_clear_error_if_its_file_or_address_is_unusable(file, flags, sentence):
    with socket.create_server(("127.0.0.1", 0)) as server:
        given = [flag.format(file=file, taken=server.getsockname()[1]) for flag in flags]
        done = subprocess.run([*RECEIVER, *given], cwd=ROOT, capture_output=True, text=True, timeout=10)

    assert done.returncode != 0
    assert sentence in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
