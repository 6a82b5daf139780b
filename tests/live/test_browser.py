"""A user buys apples in a real browser."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser import chromium_of
from tests.eventually import eventually


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desk", "phone"])
def browser(request: pytest.FixtureRequest) -> Iterator[WebDriver]:
    """Headless Chromium with a given window size."""
    with chromium_of(*request.param) as browser:
        yield browser


def test_a_user_buys_apples(observer, runtime, browser):
    def placed() -> float:
        return observer.on_page("django", "pomar_orders_total", outcome="placed")

    def earned() -> float:
        return observer.on_page("django", "pomar_order_value_euros_sum")

    def press(selector: str) -> None:
        """Click an element and wait for the next page."""
        page = browser.find_element(By.TAG_NAME, "html")
        button = browser.find_element(By.CSS_SELECTOR, selector)
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()
        WebDriverWait(browser, 10).until(lambda _: page != browser.find_element(By.TAG_NAME, "html"))

    runtime.manage("seed_catalogue", "--restock")
    orders_before, euros_before = placed(), earned()

    browser.get(f"{observer.shop}/search/?q=apple")
    assert "0 items" in browser.find_element(By.CSS_SELECTOR, "[data-cart-units]").get_attribute("aria-label")
    press("[data-product] a")
    slug = browser.find_element(By.CSS_SELECTOR, "main [data-product]").get_attribute("data-product")
    quantity = browser.find_element(By.NAME, "quantity")
    quantity.clear()
    quantity.send_keys("3")
    press(f"form[action='/product/{slug}/add/'] button")
    browser.get(f"{observer.shop}/cart/")
    assert browser.find_element(By.CSS_SELECTOR, "[data-cart-units]").get_attribute("data-cart-units") == "3"
    total = browser.find_element(By.CSS_SELECTOR, "[data-cart-total]").get_attribute("data-cart-total")
    browser.get(f"{observer.shop}/checkout/")
    for name, value in {
        "name": "Ada Appleseed",
        "email": "ada@orchard.example",
        "street": "Orchard Lane 5",
        "postal_code": "12345",
        "city": "Applewick",
    }.items():
        browser.find_element(By.NAME, name).send_keys(value)
    press("form[action='/checkout/'] button, main form button")

    order = browser.find_element(By.CSS_SELECTOR, "[data-order]")
    assert order.get_attribute("data-order-total") == total
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    eventually(lambda: placed() - orders_before, because="the order is counted once", wanted=lambda grown: grown == 1)
    assert earned() - euros_before == pytest.approx(float(total), abs=0.001)
