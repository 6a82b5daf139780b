"""The credentials in containers: which secret each service gets, and in which file."""

import hashlib
import json
import secrets
from collections.abc import Callable


def files(secret: Callable[[str, Callable[[], str]], str], *, postgres: str, valkey: str) -> dict[str, str]:
    """Return the content of each service's files, by SERVICE-secrets/FILE. Those of NGINX are in nginx-made.

    ``secret`` is called with a secret's name and a function that generates it, and returns the secret. The other
    arguments are the host names of the database and the cache.
    """
    roles = {role: secret(f"postgres-{role}", _password) for role in ("admin", "owner", "shop", "exporter")}
    made = {f"postgres-secrets/{role}-password": password for role, password in roles.items()}
    for role, folder in (("shop", "app-secrets"), ("owner", "migrate-secrets")):
        # A separate key for each, because the migrations sign nothing.
        made[f"{folder}/secret-key"] = secret(f"{role}-secret-key", _secret_key)
        made[f"{folder}/database-url"] = f"postgres://{role}:{roles[role]}@{postgres}:5432/shop"
    made["postgres-exporter-secrets/password"] = roles["exporter"]

    users = {user: secret(f"valkey-{user}", _password) for user in ("shop", "exporter")}
    made["app-secrets/cache-url"] = f"redis://shop:{users['shop']}@{valkey}:6379/0"
    made["redis-exporter-secrets/passwords.json"] = json.dumps({f"redis://exporter@{valkey}:6379": users["exporter"]})
    digests = {user: hashlib.sha256(password.encode()).hexdigest() for user, password in users.items()}
    made["valkey-secrets/users.acl"] = (
        # Without a password, only PING is allowed. The health check uses it.
        "user default on nopass -@all +ping\n"
        f"user shop on #{digests['shop']} ~* -@all +@connection -@admin -@dangerous"
        " +get +set +setex +psetex +del +exists\n"
        f"user exporter on #{digests['exporter']} -@all +@connection -@admin -@dangerous +info"
        " +config|get +slowlog|get +slowlog|len +latency|latest +latency|histogram +client|list +dbsize\n"
    )
    token = secret("lab-token", _token)
    for folder in ("app-secrets", "loadtest-secrets"):
        made[f"{folder}/lab-token"] = token
    made["nginx-made/lab-token.conf"] = f"{token} right;\n"
    made["grafana-secrets/admin-password"] = secret("grafana-admin", _shorter_password)
    return made


def _password() -> str:
    return secrets.token_urlsafe(32)


def _shorter_password() -> str:
    return secrets.token_urlsafe(18)


def _secret_key() -> str:
    return secrets.token_urlsafe(64)


def _token() -> str:
    # Hexadecimal, because NGINX's comparison is case-insensitive.
    return secrets.token_hex(16)
