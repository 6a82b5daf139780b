"""The state of a release, from the objects in its namespace."""

from collections.abc import Iterator, Mapping, Sequence

COMPONENT = "app.kubernetes.io/component"
#: Why a container is waiting, if waiting longer is of no use.
HOPELESS = ("ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "InvalidImageName")
#: A container that has failed this often keeps failing. The first failures may be of one that waits for another.
MANY_RESTARTS = 3


class Objects:
    """The Deployments, StatefulSets, Jobs and pods of a release at one moment, as the API returned them."""

    def __init__(self, found: Sequence[Mapping]) -> None:
        self._found = found

    def workload(self, component: str) -> str:
        """Return the Deployment or StatefulSet of a component, as kubectl names it: ``deployment/pomar``."""
        found = self._workload(component)
        return f"{found['kind'].lower()}/{found['metadata']['name']}"

    def state(self, component: str, container: str) -> str:
        """Return how many pods of a component have this container ready, for example ``1 of 2 ready``."""
        ready = [self._waits_for(pod, container) == "" for pod in self._pods(component)]
        return f"{sum(ready)} of {len(ready)} ready" if ready else "stopped"

    def problem(self, component: str, container: str) -> str:
        """Return why a container does not run in every pod of its component, or an empty string if it does."""
        workload = self._workload(component)
        if not workload:
            return "not installed"
        wanted, status = workload["spec"].get("replicas", 1), workload["status"]
        if not wanted:
            return "not running"
        if status.get("observedGeneration") != workload["metadata"]["generation"]:
            return "is being updated"
        if status.get("updatedReplicas", 0) < wanted:
            return f"{status.get('updatedReplicas', 0)} of {wanted} pods are up to date"
        pods = list(self._pods(component))
        if len(pods) != wanted:
            return f"{len(pods)} pods, but {wanted} are wanted"
        return next(filter(None, (self._waits_for(pod, container) for pod in pods)), "")

    def job_problem(self, component: str) -> str:
        """Return why the Jobs of a component have not finished, or an empty string if they have."""
        jobs = [each for each in self._of("Job") if _component(each) == component]
        unfinished = [each for each in jobs if not each["status"].get("succeeded")]
        return "not finished" if unfinished or not jobs else ""

    def failure(self) -> tuple[str, str, str] | None:
        """Return the pod, container and reason of the first container that cannot start without help, or None."""
        for pod in self._of("Pod"):
            status = pod["status"]
            for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
                waiting = each["state"].get("waiting", {})
                reason = waiting.get("reason", "")
                crashed = reason == "CrashLoopBackOff" and each["restartCount"] >= MANY_RESTARTS
                if reason in HOPELESS or crashed:
                    return pod["metadata"]["name"], each["name"], waiting.get("message") or reason
        return None

    def _of(self, kind: str) -> Iterator[Mapping]:
        return (each for each in self._found if each["kind"] == kind)

    def _workload(self, component: str) -> Mapping | None:
        kinds = ("Deployment", "StatefulSet")
        return next((each for each in self._found if each["kind"] in kinds and _component(each) == component), None)

    def _pods(self, component: str) -> Iterator[Mapping]:
        """Yield the pods of a component that are not being stopped."""
        return (
            each
            for each in self._of("Pod")
            if _component(each) == component and "deletionTimestamp" not in each["metadata"]
        )

    @staticmethod
    def _waits_for(pod: Mapping, container: str) -> str:
        """Return what a container of a pod waits for, or an empty string if it is ready."""
        for each in pod["status"].get("containerStatuses", ()):
            if each["name"] == container:
                if each["ready"]:
                    return ""
                (state,) = each["state"] or {"waiting": {}}
                return each["state"].get(state, {}).get("reason") or f"{state}, not ready yet"
        return "not started yet"


def _component(found: Mapping) -> str:
    return found["metadata"]["labels"].get(COMPONENT, "")
