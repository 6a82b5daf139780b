"""Messages to a visitor, in a cookie whose name no other Django project on localhost uses."""

from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class ShopCookieStorage(CookieStorage):
    """Django's storage in a cookie; two projects that share its default name delete each other's messages."""

    cookie_name = "pomar_messages"


class Storage(FallbackStorage):
    """Django's default: a cookie, and the session for what is too long for one."""

    storage_classes = (ShopCookieStorage, SessionStorage)
