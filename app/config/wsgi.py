"""The WSGI application that uWSGI loads. Worker slots must be set up before any metric is created."""

from pomar_telemetry import multiprocess

multiprocess.use_worker_slots()

import os  # noqa: E402

from django.core.wsgi import get_wsgi_application  # noqa: E402

from config.content_type import PlainContentType  # noqa: E402

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = PlainContentType(get_wsgi_application())

# Imported at worker start, so that the counters exist before the first request.
import cart.metrics  # noqa: E402, F401
import checkout.metrics  # noqa: E402, F401
import product.metrics  # noqa: E402, F401
