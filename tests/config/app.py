"""A stand-in for the shop: answers with what reached it, and misbehaves when asked to."""

import json
import os
import time
from urllib.parse import parse_qs

#: What Django says of itself, and NGINX says as well: no answer may say it twice.
DJANGO_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]


def application(environ, start_response):
    """Answer 200, or ``?status=``; sleep ``?sleep=`` seconds first; with ``?die`` the worker ends with no answer."""
    wishes = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    body_length = len(environ["wsgi.input"].read())
    if "die" in wishes:
        os._exit(1)
    time.sleep(float(wishes.get("sleep", ["0"])[0]))
    status = wishes.get("status", ["200"])[0]
    start_response(f"{status} Said by the app", [("Content-Type", "application/json"), *DJANGO_HEADERS])
    seen = {name: value for name, value in environ.items() if isinstance(value, str)}
    return [json.dumps({**seen, "body_length": body_length}).encode()]
