"""A test app that replaces the shop. It returns each request as JSON, and can be slow, fail or exit on demand."""

import json
import os
import time
from urllib.parse import parse_qs

#: Headers that both Django and NGINX set. No response may contain any of them twice.
DJANGO_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]


def application(environ, start_response):
    """Respond with the status in ``?status=`` (default 200), after ``?sleep=`` seconds (default 0).

    With ``?die``, the worker exits instead.
    """
    options = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    body_length = len(environ["wsgi.input"].read())
    if "die" in options:
        os._exit(1)
    time.sleep(float(options.get("sleep", ["0"])[0]))
    status = options.get("status", ["200"])[0]
    start_response(f"{status} Said by the app", [("Content-Type", "application/json"), *DJANGO_HEADERS])
    seen = {name: value for name, value in environ.items() if isinstance(value, str)}
    return [json.dumps({**seen, "body_length": body_length}).encode()]
