"""Database sessions that reject malformed session keys."""

import re

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore

KEY = re.compile(r"[0-9a-z]{32}")


class SessionStore(DatabaseSessionStore):
    """Django's database sessions, but a visitor with a malformed session key gets a new session.

    A cookie may contain quoted control characters, and PostgreSQL raises an error for a NUL character.
    """

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(key) and KEY.fullmatch(key) is not None
