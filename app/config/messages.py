"""Store messages for visitors in a cookie whose name does not clash with other Django projects on localhost."""

from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class ShopCookieStorage(CookieStorage):
    """Django's cookie storage with its own cookie name. Projects that share a name delete each other's messages."""

    cookie_name = "pomar_messages"


class Storage(FallbackStorage):
    """Works like Django's default storage: uses a cookie, or the session for messages that are too long for one."""

    storage_classes = (ShopCookieStorage, SessionStorage)
