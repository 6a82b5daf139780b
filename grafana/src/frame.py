"""The old name of ``grafana.boards.dashboard``, until ``lab/`` has the new one."""

from grafana.boards.dashboard import ALL as ALL
