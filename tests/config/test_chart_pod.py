"""The shop pod of the Helm chart: its probes, how it starts and stops, and pods of other projects."""

import shutil
import subprocess

import yaml

from tests.config.chart import CHART, EVERYTHING, container, containers, env, mounted, render, shop_pod
from tests.eventually import eventually

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SHOP = ("app", "access-log-exporter", "nginx", "uwsgi-exporter", "nginx-exporter")


def test_the_pod_has_the_five_containers_in_order():
    assert [each["name"] for each in shop_pod(render())["spec"]["containers"]] == list(SHOP)


def test_mtail_is_started_before_nginx_writes_its_log():
    """It never counts what was logged before it opened the log: see test_access_log.py."""
    names = [each["name"] for each in shop_pod(render())["spec"]["containers"]]

    assert names.index("access-log-exporter") < names.index("nginx")


def test_two_exporters_have_the_articles_requests_and_limits():
    for name in ("uwsgi-exporter", "nginx-exporter"):
        assert container(shop_pod(render()), name)["resources"] == {
            "requests": {"cpu": "10m", "memory": "10Mi"},
            "limits": {"cpu": "100m", "memory": "25Mi"},
        }


def test_a_pod_is_ready_when_nginx_returns_a_page_over_https():
    pod = shop_pod(render({"hosts": ["shop.example.org"]}))

    probe = container(pod, "nginx")["readinessProbe"]
    assert probe["httpGet"] == {
        "scheme": "HTTPS",
        "port": "https",
        "path": "/health/live",
        "httpHeaders": [{"name": "Host", "value": "shop.example.org"}],
    }
    assert probe["timeoutSeconds"] >= 3
    assert [each["name"] for each in containers(pod) if "readinessProbe" in each] == ["nginx"]


def test_a_user_id_of_any_size_is_rendered_as_a_number():
    security = container(shop_pod(render({"app": {"runAsUser": 1_000_700_000}})), "app")["securityContext"]

    assert security["runAsUser"] == 1_000_700_000
    assert isinstance(security["runAsUser"], int)


def test_liveness_checks_only_the_process_itself():
    probes = {each["name"]: each["livenessProbe"] for each in shop_pod(render())["spec"]["containers"]}

    # A stuck container is restarted at once. Otherwise, the kubelet would wait for its preStop hook first.
    assert {name: probe["terminationGracePeriodSeconds"] for name, probe in probes.items()} == dict.fromkeys(SHOP, 5)
    assert probes["nginx-exporter"]["httpGet"] == {"path": "/", "port": "metrics"}
    assert probes["uwsgi-exporter"]["httpGet"]["path"] == "/-/healthy"
    # uWSGI's master serves its statistics itself, even if all workers are stuck.
    assert '("127.0.0.1", 1717,' in probes["app"]["exec"]["command"][-1]
    # The status page needs no worker of uWSGI.
    assert probes["nginx"]["exec"]["command"][-1] == "http://127.0.0.1:8081/nginx/status"


def test_no_pod_serves_requests_before_the_migrations_are_applied():
    first = shop_pod(render())["spec"]["initContainers"][0]

    assert first["command"][-1] == "python manage.py migrate --check"
    assert first["image"] == VALUES["images"]["app"]


def waiting(script: str) -> list[str]:
    """Return the command with which a pod waits until a script succeeds, but with shorter pauses."""
    *command, given = shop_pod(render({"app": {"migrated": script}}))["spec"]["initContainers"][0]["command"]
    assert given == script
    assert "sleep 3 " in command[2]
    return [each.replace("sleep 3 ", "sleep 0.1 ") for each in command] + [script]


def test_a_pod_waits_until_the_command_succeeds(tmp_path):
    command = waiting("echo tried >>log; [ $(wc -l <log) -eq 3 ]")

    assert subprocess.run(command, cwd=tmp_path, timeout=10).returncode == 0
    assert (tmp_path / "log").read_text() == "tried\n" * 3


def test_a_waiting_pod_exits_at_once_when_it_is_stopped(tmp_path):
    process = subprocess.Popen(waiting("touch tried; false"), cwd=tmp_path)
    try:
        eventually((tmp_path / "tried").exists, because="the command runs")
        process.terminate()
        assert process.wait(timeout=2) == 143
    finally:
        process.kill()


def test_static_files_of_earlier_images_are_copied_first():
    pod = shop_pod(render(EVERYTHING))

    copies = [(each["name"], each["image"]) for each in pod["spec"]["initContainers"] if each["command"][0] == "cp"]
    assert copies == [
        ("static-of-previous-0", "registry.example/shop:1"),
        ("static-of-previous-1", "registry.example/shop:2"),
        ("static", VALUES["images"]["app"]),
    ]


def test_a_change_of_any_nginx_file_replaces_the_pods(tmp_path):
    copied = tmp_path / "pomar"
    # With the files behind its symbolic links.
    shutil.copytree(CHART, copied)
    before = shop_pod(render(chart=copied))["metadata"]["annotations"]["checksum/config"]
    assert before == shop_pod(render())["metadata"]["annotations"]["checksum/config"]

    for number, name in enumerate(("nginx/shop.conf", "nginx/pages/unavailable.html", "nginx/listen.conf.template")):
        with (copied / name).open("a") as file:
            file.write("# changed\n")
        renamed = copied.rename(tmp_path / f"pomar{number}")
        after = shop_pod(render(chart=renamed))["metadata"]["annotations"]["checksum/config"]
        copied = renamed.rename(copied)
        assert after != before
        before = after


def test_all_containers_keep_running_until_two_scrapes_after_the_last_request():
    pod = shop_pod(render())
    stops = {each["name"]: each["lifecycle"]["preStop"] for each in pod["spec"]["containers"]}

    # 6 s to leave the Service, 30 s for requests in flight, 2 x 30 s for two scrapes.
    assert stops.keys() == set(SHOP)
    assert all(stops[name] == {"sleep": {"seconds": 96}} for name in SHOP if name != "nginx")
    assert pod["spec"]["terminationGracePeriodSeconds"] == 106


def test_nginx_first_leaves_the_service_then_drains_and_keeps_its_status_page():
    (shell, option, script) = container(shop_pod(render()), "nginx")["lifecycle"]["preStop"]["exec"]["command"]

    assert (shell, option) == ("sh", "-c")
    assert script == "sleep 6; cp made.template/draining.conf made/listen.conf && kill -HUP 1; sleep 90"


def test_before_kubernetes_1_30_containers_run_the_program_sleep():
    pod = shop_pod(render({"termination": {"sleepAction": False}}))

    stops = [each["lifecycle"]["preStop"] for each in pod["spec"]["containers"] if each["name"] != "nginx"]
    assert stops == [{"exec": {"command": ["sleep", "96"]}}] * 4
    assert "terminationGracePeriodSeconds" not in str([each["livenessProbe"] for each in pod["spec"]["containers"]])


def test_a_lab_stops_faster_but_never_with_less_than_a_minute_of_grace():
    pod = shop_pod(render(preset="lab"))

    assert container(pod, "app")["lifecycle"]["preStop"] == {"sleep": {"seconds": 24}}
    assert pod["spec"]["terminationGracePeriodSeconds"] == 60


def test_another_project_brings_its_own_image_command_settings_routes_and_hosts():
    objects = render(
        {
            "images": {"app": "registry.example/blog:7"},
            "hosts": ["blog.example.org"],
            "app": {
                "command": ["uwsgi", "--ini", "/etc/blog.ini"],
                "settingsModule": "blog.settings",
                "migrated": "blog check",
                "staticRoot": "",
            },
            "nginx": {"routes": '"~^/\\z" blog:index;\n'},
            "readiness": {"path": "/alive"},
            "lab": {"enabled": False},
        }
    )
    pod = shop_pod(objects)

    app = container(pod, "app")
    assert (app["image"], app["command"]) == ("registry.example/blog:7", ["uwsgi", "--ini", "/etc/blog.ini"])
    assert env(app)["DJANGO_SETTINGS_MODULE"] == "blog.settings"
    assert env(app)["SHOP_HOSTS"].startswith("blog.example.org,")
    assert [each["name"] for each in pod["spec"]["initContainers"]] == ["wait-for-migrations"]
    assert mounted(objects, pod, "nginx", "/srv/nginx/conf")["routes.conf"] == '"~^/\\z" blog:index;\n'
    assert container(pod, "nginx")["readinessProbe"]["httpGet"]["path"] == "/alive"
    assert "LAB_FAULTS" not in env(app)
