"""The old name of ``grafana.boards.frame``, until ``lab/`` has the new one."""

from grafana.boards.frame import ALL as ALL
