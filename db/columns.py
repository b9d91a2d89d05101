"""Encrypted columns: AES-256-GCM, each value bound to the row and column it was written for.

A stored value reads `v1.<kid>.<nonce>.<ciphertext>`, the last two in URL-safe base64. The key is
derived from a secret of the ring; `kid` names it, so that secrets can be rotated: the first of the
ring writes, all of them read. A value copied into another row or column does not decrypt.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.errors import ConfigurationError

_VERSION = "v1"
_LABEL = b"vaultra column encryption v1"
_KEY_BYTES = 32
# 96 random bits, as NIST SP 800-38D recommends for GCM: safe for 2^32 values a key.
_NONCE_BYTES = 12
_KID_CHARACTERS = 8


class KeyRing:
    """The keys derived from the ring of secrets, the writing one first; never printed."""

    def __init__(self, ring: Sequence[str]) -> None:
        """Derive the keys; raise ConfigurationError if there is no secret."""
        if not ring:
            raise ConfigurationError("The key ring is empty. Set VAULTRA_SECRET_KEYS.")
        self._ciphers: dict[str, AESGCM] = {}
        for secret in ring:
            key = _derive(secret)
            self._ciphers[sha256(key).hexdigest()[:_KID_CHARACTERS]] = AESGCM(key)

    @property
    def writing(self) -> tuple[str, AESGCM]:
        """The name and cipher of the key that writes."""
        return next(iter(self._ciphers.items()))

    def reading(self, kid: str) -> AESGCM:
        """Return the cipher of that name; raise ConfigurationError if the ring lacks it."""
        try:
            return self._ciphers[kid]
        except KeyError:
            raise ConfigurationError(
                "A stored secret was encrypted with a key that VAULTRA_SECRET_KEYS lacks.",
                hint="Put the old secret back at the end of the list, or connect Stripe again.",
            ) from None


def binding(table: str, business_id: UUID, column: str) -> str:
    """Return what a value is bound to: its table, tenant and column."""
    return f"{table}|{business_id}|{column}"


def encrypt(ring: KeyRing, plaintext: str, *, bound_to: str) -> str:
    """Encrypt a text for one place, given by `binding`."""
    kid, cipher = ring.writing
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = cipher.encrypt(nonce, plaintext.encode(), _context(bound_to, kid))
    return ".".join((_VERSION, kid, _to_text(nonce), _to_text(sealed)))


def decrypt(ring: KeyRing, stored: str, *, bound_to: str) -> str:
    """Decrypt a text from the place it was written for.

    Raise ConfigurationError if the ring lacks its key, or if it was changed or written for
    another place.
    """
    version, _, rest = stored.partition(".")
    kid, _, rest = rest.partition(".")
    nonce, _, sealed = rest.partition(".")
    if version != _VERSION or not sealed:
        raise _unreadable()
    cipher = ring.reading(kid)
    try:
        opened = cipher.decrypt(_to_bytes(nonce), _to_bytes(sealed), _context(bound_to, kid))
    except (InvalidTag, ValueError):
        raise _unreadable() from None
    return opened.decode()


def _derive(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_LABEL).derive(
        secret.encode()
    )


def _context(bound_to: str, kid: str) -> bytes:
    return f"{bound_to}|{kid}".encode()


def _to_text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _to_bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _unreadable() -> ConfigurationError:
    return ConfigurationError(
        "A stored secret cannot be decrypted: it was changed, or written for another row.",
        hint="Connect Stripe again.",
    )
