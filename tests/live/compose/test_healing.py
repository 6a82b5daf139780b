"""Docker restarts killed services automatically. `make up` fixes what Docker cannot."""

import pytest

from lab.runtimes import services
from lab.runtimes.compose import engine
from tests.eventually import eventually
from tests.live.compose.conftest import comes_back

#: Each service that can fail alone, and the Prometheus job (if any) whose target goes down and comes back with it.
TARGETS = {
    "app": "django",
    "nginx": None,
    "postgres": None,
    "valkey": None,
    "nginx-exporter": "nginx",
    "uwsgi-exporter": "uwsgi",
    "access-log-exporter": "nginx-log",
    "postgres-exporter": "postgres",
    "redis-exporter": "redis",
    "blackbox-exporter": "blackbox",
    "pushgateway": "pushgateway",
    "receiver": None,
    "alertmanager": "alertmanager",
    "prometheus": "prometheus",
    "grafana": "grafana",
}
#: The counters that are reset when a service restarts; all others must continue.
COUNTERS = {
    "app": ("django", "django_http_requests_before_middlewares_total"),
    "nginx": ("nginx", "nginx_http_requests_total"),
    "access-log-exporter": ("nginx-log", "nginx_http_responses_total"),
}
#: These services are killed one by one, because the shop or another service's counts could depend on them. All others
#: are killed together, to save time.
ALONE = ("app", "nginx", "access-log-exporter", "postgres", "valkey", "prometheus")
KILLED = [{name} for name in ALONE] + [TARGETS.keys() - set(ALONE)]
SECONDS_TO_HEAL = 40


def working(runtime) -> dict[str, str]:
    """Return each unhealthy service with its problem."""
    return {service.name: trouble for service, _, trouble in runtime.states() if trouble}


def test_every_long_running_service_is_killed_by_a_test(runtime):
    assert TARGETS.keys() | {"shop"} >= {service.name for service in runtime.services}


@pytest.mark.parametrize("services", KILLED, ids=[*ALONE, "all others"])
def test_killed_services_come_back_and_no_other_service_restarts(observer, runtime, kill_first_process, services):
    before = engine.containers()
    killed = services & before.keys()
    counted = {name: observer.on_page(*place) for name, place in COUNTERS.items() if name not in killed}

    kill_first_process(*(before[name] for name in killed))
    for name in killed:
        comes_back(before[name])

    eventually(
        lambda: working(runtime),
        because=f"all services work again after killing {', '.join(killed)}",
        timeout=SECONDS_TO_HEAL,
        wanted=lambda problems: problems == {},
    )
    if jobs := "|".join(filter(None, (TARGETS[name] for name in killed))):
        now = observer.now()
        eventually(
            lambda: (
                observer.value(f'min(up{{job=~"{jobs}"}})') == 1
                and observer.value(f'min(timestamp(up{{job=~"{jobs}"}}))') > now
            ),
            because=f"Prometheus reaches {jobs} again",
            timeout=20,
        )
    after = engine.containers()
    assert {name for name in before if after[name].started_at != before[name].started_at} == killed
    for name, value in counted.items():
        assert observer.on_page(*COUNTERS[name]) >= value, f"the counters of {name} were lost"


def test_a_pod_that_lost_its_network_is_detected_and_fixed_by_make_up(observer, runtime, kill_first_process):
    before = engine.containers()

    kill_first_process(before["shop"])
    comes_back(before["shop"])

    lost = {name: problem for name, problem in working(runtime).items() if "has lost the pod's network" in problem}
    assert lost.keys() == {name for name, container in before.items() if container.network_of}
    eventually(
        lambda: observer.value('max(probe_success{job="blackbox"})') == 0,
        because="the external probe gets no response",
        timeout=20,
    )

    runtime.up()

    assert working(runtime) == {}
    assert observer.client().get(f"{observer.shop}/health/ready", timeout=10).status_code == 200
    after = engine.containers()
    kept = {name for name, container in before.items() if not container.network_of and name != "shop"}
    assert {name for name in kept if after[name].started_at != before[name].started_at} <= {"prepare", "migrate"}


def test_the_container_that_owns_the_pods_network_can_be_restarted(observer, runtime):
    runtime.restart(services.named("shop"))

    eventually(
        lambda: working(runtime), because="the pod works again", timeout=30, wanted=lambda problems: problems == {}
    )
    assert observer.client().get(f"{observer.shop}/health/ready", timeout=10).status_code == 200


def test_make_up_restarts_a_lab_after_all_containers_exited_and_keeps_data(observer, runtime):
    """After an engine restart, members of the pod cannot join the pod's network, because it does not exist yet."""
    containers = [container.id for container in engine.containers().values() if container.state == "running"]
    orders = runtime.manage("shell", "-c", "from checkout.models import Order; print(Order.objects.count())")
    engine.docker("kill", *containers)

    runtime.up()

    assert working(runtime) == {}
    assert runtime.manage("shell", "-c", "from checkout.models import Order; print(Order.objects.count())") == orders
    assert observer.client().get(f"{observer.shop}/health/ready", timeout=10).status_code == 200


def test_make_up_on_a_healthy_lab_changes_nothing(runtime):
    before = engine.containers()

    runtime.up()

    after = engine.containers()
    # The one-shot services run again but change nothing.
    assert {name for name in before if after[name].id != before[name].id} == set()
    assert {name for name in before if after[name].started_at != before[name].started_at} <= {"prepare", "migrate"}
