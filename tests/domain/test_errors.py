from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from domain import errors
from domain.errors import NoDataError, VaultraError


def tree(root: type[VaultraError]) -> Iterator[type[VaultraError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


ALL = list(tree(VaultraError))


@pytest.mark.parametrize("error", ALL)
def test_an_error_without_a_message_says_its_docstring(error: type[VaultraError]):
    assert str(error()) == inspect.getdoc(error)


def test_own_message_and_hint_are_kept():
    error = NoDataError("Nothing in March.", hint="Sync again.")
    assert (str(error), error.message, error.hint) == (
        "Nothing in March.",
        "Nothing in March.",
        "Sync again.",
    )


def test_codes_are_unique():
    codes = [error.code for error in ALL]
    assert len(set(codes)) == len(codes)


def test_head_of_the_module_draws_every_error():
    assert [error.__name__ for error in ALL if error.__name__ not in (errors.__doc__ or "")] == []
