"""The lab on Kubernetes, installed with the Helm chart in ``charts/pomar``."""
