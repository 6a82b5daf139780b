"""The processes of the test cluster and their flags, for Kubernetes 1.20."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
#: Inside the cluster's namespaces: certificates, tokens and kubeconfigs.
FILES = Path("/var/lib/kubernetes")
NODE = "node"
#: The node's address, which is also the address of the DNS server.
ADDRESS = "10.99.0.1"
PODS = "10.244.0.0/24"
SERVICES = "10.96.0.0/16"
#: The address of the Service `kubernetes`.
API_SERVICE = "10.96.0.1"
API_PORT = 6443
ETCD = "http://127.0.0.1:2379"
CONTAINERD = Path("/run/containerd/containerd.sock")
#: The command that reads images from its standard input.
LOAD = ("ctr", "--namespace=k8s.io", "images", "import", "-")
#: Names of Services, written by the node.
HOSTS = Path("/run/hosts")
#: Who connects to the API server: the name in the API, and its groups.
USERS = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
}


def commands(programs: Path, cgroup: str) -> dict[str, list[str]]:
    """Return the command of each process. ``programs`` is the folder with Kubernetes's own programs."""

    def kubernetes(name: str, flags: dict[str, object]) -> list[str]:
        return [str(programs / name), *(f"--{flag}={value}" for flag, value in flags.items())]

    key = FILES / "shop.key"
    return {
        "etcd": [
            *("etcd", "--data-dir=/var/lib/etcd", "--unsafe-no-fsync"),
            *(f"--listen-client-urls={ETCD}", f"--advertise-client-urls={ETCD}"),
        ],
        "kube-apiserver": kubernetes(
            "kube-apiserver",
            {
                "etcd-servers": ETCD,
                "advertise-address": ADDRESS,
                "secure-port": API_PORT,
                "service-cluster-ip-range": SERVICES,
                "tls-cert-file": FILES / "shop.crt",
                "tls-private-key-file": key,
                "token-auth-file": FILES / "tokens.csv",
                "service-account-issuer": "https://kubernetes.default.svc",
                "service-account-signing-key-file": key,
                "service-account-key-file": FILES / "shop.crt",
                "authorization-mode": "Node,RBAC",
                "allow-privileged": "true",
                "kubelet-preferred-address-types": "InternalIP",
            },
        ),
        "kube-controller-manager": kubernetes(
            "kube-controller-manager",
            {
                **_authenticated("kube-controller-manager"),
                "service-account-private-key-file": key,
                "root-ca-file": FILES / "ca.crt",
                "use-service-account-credentials": "true",
            },
        ),
        "kube-scheduler": kubernetes("kube-scheduler", _authenticated("kube-scheduler")),
        "kube-proxy": kubernetes(
            "kube-proxy",
            {
                "kubeconfig": FILES / "kube-proxy.conf",
                "hostname-override": NODE,
                "bind-address": ADDRESS,
                "cluster-cidr": PODS,
                # Leave the machine's connection tracking table as it is.
                "conntrack-max-per-core": 0,
                "conntrack-tcp-timeout-established": 0,
                "conntrack-tcp-timeout-close-wait": 0,
            },
        ),
        "dnsmasq": [
            *("dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--log-facility=-", "--pid-file="),
            *("--user=root", "--no-resolv", "--no-hosts"),
            *("--local=/cluster.local/", f"--addn-hosts={HOSTS}", f"--listen-address={ADDRESS}", "--bind-interfaces"),
        ],
        "containerd": ["containerd", f"--config={FOLDER / 'containerd.toml'}"],
        "kubelet": kubernetes(
            "kubelet",
            {
                "kubeconfig": FILES / "kubelet.conf",
                "hostname-override": NODE,
                "node-ip": ADDRESS,
                "cluster-dns": ADDRESS,
                "cluster-domain": "cluster.local",
                # The machine's DNS servers cannot be reached.
                "resolv-conf": "",
                "container-runtime": "remote",
                "container-runtime-endpoint": f"unix://{CONTAINERD}",
                "cgroup-driver": "cgroupfs",
                "cgroup-root": f"/{cgroup}",
                "enforce-node-allocatable": "",
                "fail-swap-on": "false",
                # Fail instead of changing the machine's settings in /proc/sys.
                "protect-kernel-defaults": "true",
                "make-iptables-util-chains": "false",
                "volume-plugin-dir": "/var/lib/kubelet/plugins",
                # Images that are deleted when the disk fills up could not be pulled again.
                "image-gc-high-threshold": 100,
                "eviction-hard": "",
                # Only the cluster itself can reach the kubelet.
                "authorization-mode": "AlwaysAllow",
                "anonymous-auth": "true",
                "read-only-port": 0,
                "healthz-port": 0,
            },
        ),
    }


def _authenticated(name: str) -> dict[str, object]:
    """Return the flags for a process of the control plane that connects to the API server."""
    file = FILES / f"{name}.conf"
    return {
        "kubeconfig": file,
        "authentication-kubeconfig": file,
        "authorization-kubeconfig": file,
        "bind-address": "127.0.0.1",
        "leader-elect": "false",
    }
