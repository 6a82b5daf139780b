"""The old name of ``grafana.boards``, until ``lab/`` has the new one."""

from grafana.boards import DASHBOARDS as DASHBOARDS
