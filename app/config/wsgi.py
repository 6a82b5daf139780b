"""What uWSGI loads. The metrics' worker slots come first: they must be set before any metric exists."""

from pomar_telemetry import multiprocess

multiprocess.use_worker_slots()

import os  # noqa: E402

from django.core.wsgi import get_wsgi_application  # noqa: E402

from config.content_type import PlainContentType  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = PlainContentType(get_wsgi_application())

# Imported at the start of the worker, and not by its first request: until then their counters would be missing.
import cart.metrics  # noqa: E402, F401
import checkout.metrics  # noqa: E402, F401
import product.metrics  # noqa: E402, F401
