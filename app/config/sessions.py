"""Sessions in the database, where a key that this shop cannot have made is no key."""

import re

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore

KEY = re.compile(r"[0-9a-z]{32}")


class SessionStore(DatabaseSessionStore):
    """Django's database sessions; whoever brings an impossible key is a new visitor.

    Cookies may carry quoted control characters, and a NUL would be an error in PostgreSQL.
    """

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(key) and KEY.fullmatch(key) is not None
