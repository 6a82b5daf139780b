"""Create every series that one worker can have. Print their number and the size of the metric files as JSON.

    PROMETHEUS_MULTIPROC_DIR=FOLDER python tests/config/every_series.py STATUSES

STATUSES is a comma-separated list of HTTP statuses. This is a separate program because, on import, the client library
decides where to store values.
"""

import itertools
import json
import os
import sys
from pathlib import Path

from prometheus_client import values

values.ValueClass = values.MultiProcessValue(process_identifier=lambda: 64)

import django  # noqa: E402

django.setup()

import cart.metrics  # noqa: E402, F401
import checkout.metrics  # noqa: E402, F401
import product.metrics  # noqa: E402, F401
from django.urls import URLResolver, get_resolver  # noqa: E402
from django_prometheus.cache import metrics as cache_metrics  # noqa: E402, F401
from django_prometheus.db import metrics as db_metrics  # noqa: E402, F401
from django_prometheus.middleware import Metrics  # noqa: E402
from prometheus_client import REGISTRY  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402


def views(resolver: URLResolver, namespace: str = "") -> set[str]:
    """Return every view name as it appears in django-prometheus's label ``view``."""
    names = {namespace + key for key in resolver.reverse_dict if isinstance(key, str)}
    for inner, (_, inner_resolver) in resolver.namespace_dict.items():
        names |= views(inner_resolver, f"{namespace}{inner}:")
    return names


#: Values for each label: all possible ones if they are known, otherwise more and longer ones than occur in practice.
VALUES = {
    "view": [*views(get_resolver()), "<unnamed view>"],
    "method": ["GET", "HEAD", "POST"],
    "transport": ["https", "http"],
    "status": sys.argv[1].split(","),
    "type": [f"ExceptionWithAPrettyLongName{number}" for number in range(30)],
    "templatename": [f"admin/some_application/template_{number}.html" for number in range(60)],
    "charset": ["utf-8", ""],
    "alias": ["default"],
    "vendor": ["postgresql"],
    "backend": ["redis"],
    "category": [f"a-category-with-a-pretty-long-name-{number}" for number in range(30)],
    "outcome": ["placed", "out_of_stock", "repeated", "found", "nothing"],
    "action": ["add", "update", "remove"],
}

Metrics.get_instance()
for metric in set(REGISTRY._collector_to_names):
    labels = getattr(metric, "_labelnames", ())
    if labels and all(label in VALUES for label in labels):
        for chosen in itertools.product(*(VALUES[label] for label in labels)):
            metric.labels(*chosen)
files = sorted(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("*.db"))
merged = MultiProcessCollector.merge(map(str, files))
unknown = [
    metric._name for metric in REGISTRY._collector_to_names if set(getattr(metric, "_labelnames", ())) - set(VALUES)
]
print(
    json.dumps(
        {
            "series": sum(len(metric.samples) for metric in merged),
            "bytes": sum(path.stat().st_size for path in files),
            "unknown": [name for name in unknown if not name.startswith("django_model")],
        }
    )
)
