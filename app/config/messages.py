"""Messages for visitors, in a cookie whose name does not collide with other Django projects on localhost."""

from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class ShopCookieStorage(CookieStorage):
    """Django's cookie storage, renamed: projects that share the default name delete each other's messages."""

    cookie_name = "pomar_messages"


class Storage(FallbackStorage):
    """Django's default storage: a cookie, and the session for messages too long for a cookie."""

    storage_classes = (ShopCookieStorage, SessionStorage)
