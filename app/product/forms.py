"""What a visitor sends to the catalogue."""

from django import forms


class SearchForm(forms.Form):
    """What somebody looks for."""

    q = forms.CharField(
        max_length=100,
        required=False,
        error_messages={"max_length": "Please search with at most 100 characters."},
    )
