"""The catalogue's forms."""

from django import forms


class SearchForm(forms.Form):
    """The text to search for."""

    q = forms.CharField(
        max_length=100,
        required=False,
        error_messages={"max_length": "Please use at most 100 characters."},
    )
