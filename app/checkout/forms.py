"""The checkout form."""

from uuid import uuid4

from django import forms


class CheckoutForm(forms.Form):
    """The customer's name, e-mail and address, plus a token. Submitting a token twice creates only one order."""

    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(max_length=254, label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    street = forms.CharField(
        max_length=120,
        label="Street and number",
        widget=forms.TextInput(attrs={"autocomplete": "street-address"}),
    )
    postal_code = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9 -]{1,10}[A-Za-z0-9]$",
        max_length=12,
        error_messages={"invalid": "Please enter a postal code such as 2560-123."},
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
    )
    city = forms.CharField(max_length=80, widget=forms.TextInput(attrs={"autocomplete": "address-level2"}))
    token = forms.UUIDField(
        widget=forms.HiddenInput, error_messages=dict.fromkeys(("required", "invalid"), "This form has expired.")
    )

    @classmethod
    def fresh(cls) -> "CheckoutForm":
        """Return an empty form with a new token."""
        return cls(initial={"token": uuid4()})

    def with_usable_token(self) -> "CheckoutForm":
        """Return this form, ready to be shown and submitted again: keep the input, but replace an invalid token."""
        if "token" in self.errors:
            self.data = {**self.data.dict(), "token": str(uuid4())}
        return self
