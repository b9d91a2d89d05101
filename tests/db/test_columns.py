"""A stored secret opens only where it was written, and only with the ring that wrote it."""

from uuid import UUID

import pytest

from db.columns import KeyRing, binding, decrypt, encrypt
from domain.errors import ConfigurationError

FIRST, SECOND = "a" * 32, "b" * 32
# Fixed ids: the tests are named after them, and every worker must collect the same names.
PLACE = binding("integration_accounts", UUID(int=1), "access_token_encrypted")


def test_text_comes_back_from_its_own_place() -> None:
    ring = KeyRing([FIRST])
    assert decrypt(ring, encrypt(ring, "rk_test_ä", bound_to=PLACE), bound_to=PLACE) == "rk_test_ä"


def test_stored_text_names_version_and_key_and_hides_the_rest() -> None:
    version, kid, nonce, sealed = encrypt(KeyRing([FIRST]), "rk_test_1", bound_to=PLACE).split(".")
    assert (version, len(kid), len(nonce)) == ("v1", 8, 16)
    assert "rk_test_1" not in sealed


def test_same_text_is_never_stored_the_same_way_twice() -> None:
    ring = KeyRing([FIRST])
    assert encrypt(ring, "same", bound_to=PLACE) != encrypt(ring, "same", bound_to=PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        binding("integration_accounts", UUID(int=2), "access_token_encrypted"),
        PLACE.replace("access_token", "refresh_token"),
        PLACE.replace("integration_accounts", "api_keys"),
    ],
)
def test_text_copied_to_another_place_does_not_open(elsewhere: str) -> None:
    ring = KeyRing([FIRST])
    with pytest.raises(ConfigurationError, match="another row"):
        decrypt(ring, encrypt(ring, "rk_test_1", bound_to=PLACE), bound_to=elsewhere)


def test_old_secret_still_reads_and_the_first_one_writes() -> None:
    old = encrypt(KeyRing([FIRST]), "rk_test_1", bound_to=PLACE)
    rotated = KeyRing([SECOND, FIRST])
    assert decrypt(rotated, old, bound_to=PLACE) == "rk_test_1"
    new = encrypt(rotated, "rk_test_1", bound_to=PLACE)
    assert decrypt(KeyRing([SECOND]), new, bound_to=PLACE) == "rk_test_1"


def test_secret_missing_from_the_ring_is_named_as_the_cause() -> None:
    stored = encrypt(KeyRing([FIRST]), "rk_test_1", bound_to=PLACE)
    with pytest.raises(ConfigurationError, match="VAULTRA_SECRET_KEYS lacks"):
        decrypt(KeyRing([SECOND]), stored, bound_to=PLACE)


def test_swapped_key_name_does_not_open() -> None:
    ring = KeyRing([FIRST, SECOND])
    _, kid, nonce, sealed = encrypt(ring, "rk_test_1", bound_to=PLACE).split(".")
    other = encrypt(KeyRing([SECOND]), "x", bound_to=PLACE).split(".")[1]
    assert other != kid
    with pytest.raises(ConfigurationError):
        decrypt(ring, f"v1.{other}.{nonce}.{sealed}", bound_to=PLACE)


@pytest.mark.parametrize("stored", ["", "rk_test_plain", "v2.a.b.c", "v1.a.b", "v1"])
def test_text_of_another_form_is_refused(stored: str) -> None:
    with pytest.raises(ConfigurationError):
        decrypt(KeyRing([FIRST]), stored, bound_to=PLACE)


@pytest.mark.parametrize("sealed", ["!", "AAAA", "ä"])
def test_damaged_text_is_refused(sealed: str) -> None:
    ring = KeyRing([FIRST])
    head = encrypt(ring, "rk_test_1", bound_to=PLACE).rpartition(".")[0]
    with pytest.raises(ConfigurationError, match="changed"):
        decrypt(ring, f"{head}.{sealed}", bound_to=PLACE)


def test_empty_ring_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="VAULTRA_SECRET_KEYS"):
        KeyRing([])
