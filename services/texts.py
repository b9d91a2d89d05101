"""Texts that a person typed, on their way into a column."""

from __future__ import annotations

from domain.errors import InvalidInputError


def clean_text(value: str, name: str, limit: int) -> str:
    """Return the text without blanks around it; raise InvalidInputError if it cannot be stored."""
    text = value.strip()
    if not text:
        raise InvalidInputError(f"The {name} is empty. Fill it in.")
    if len(text) > limit:
        raise InvalidInputError(f"The {name} has {len(text)} characters; {limit} is the most.")
    # PostgreSQL stores neither NUL nor half of a surrogate pair.
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInputError(f"The {name} has a character that is not text. Remove it.")
    return text
