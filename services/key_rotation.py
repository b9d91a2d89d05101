"""Bringing every stored token to the key ring's first secret, so that older ones can go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from db.columns import KeyRing, encrypt
from db.repositories import stored_tokens
from db.session import Database
from domain.errors import ConfigurationError
from services.integrations import StoredKey, open_key, token_place

BATCH = 100


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation has done and has left.

    `changed` tokens were encrypted again. `remaining` are not of the ring's first secret; of
    these, `unreadable` cannot be decrypted with any secret of the ring.
    """

    changed: int
    remaining: int
    unreadable: int

    @property
    def complete(self) -> bool:
        """Whether no stored token needs an older secret any more."""
        return self.remaining == 0


async def rotate_tokens(database: Database, ring: KeyRing) -> Rotation:
    """Encrypt all stored tokens with the ring's first secret, a batch in each transaction.

    It may be broken off and run again at any time: a batch is done or not, and what is done is
    not touched again. A token that is renewed meanwhile stays as it was renewed.
    """
    changed = 0
    async for batch in _batches(database, ring):
        changed += batch
    left = await check_tokens(database, ring)
    return Rotation(changed, left.remaining, left.unreadable)


async def check_tokens(database: Database, ring: KeyRing) -> Rotation:
    """Tell what a rotation would find, and change nothing."""
    remaining, unreadable, behind = 0, 0, None
    while True:
        async with database.unit_of_work() as session:
            found = await stored_tokens.list_others(
                session, ring.writing[0], behind=behind, limit=BATCH
            )
        if not found:
            return Rotation(0, remaining, unreadable)
        remaining += len(found)
        unreadable += sum(_open(ring, token) is None for token in found)
        behind = found[-1].integration_id


async def _batches(database: Database, ring: KeyRing) -> AsyncIterator[int]:
    """Rotate batch by batch; yield how many tokens each has changed."""
    behind = None
    while True:
        async with database.unit_of_work() as session:
            found = await stored_tokens.list_others(
                session, ring.writing[0], behind=behind, limit=BATCH, lock=True
            )
            opened = {token: key for token in found if (key := _open(ring, token)) is not None}
            for token, key in opened.items():
                encrypted = encrypt(ring, key, bound_to=token_place(token.business_id))
                await stored_tokens.replace(session, token.integration_id, encrypted)
        if not found:
            return
        yield len(opened)
        behind = found[-1].integration_id


def _open(ring: KeyRing, token: stored_tokens.StoredToken) -> str | None:
    try:
        return open_key(ring, StoredKey(token.business_id, token.encrypted))
    except ConfigurationError:
        return None
