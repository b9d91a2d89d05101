"""Access tokens: short JSON Web Tokens, signed with the key ring's first secret."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

import jwt

from domain.errors import NotAuthenticatedError

ALGORITHM = "HS256"
AUDIENCE = "vaultra"
_NOT_VALID = "The access token is not valid, or has expired."


def issue_token(
    key_ring: tuple[str, ...], user_id: UUID, *, now: datetime, lifetime: timedelta
) -> str:
    """Return a token that says who its bearer is; roles are looked up, never carried."""
    claims = {"sub": str(user_id), "aud": AUDIENCE, "iat": now, "exp": now + lifetime}
    return jwt.encode(claims, key_ring[0], algorithm=ALGORITHM)


def read_token(key_ring: tuple[str, ...], token: str) -> UUID:
    """Return the user of a valid token; raise NotAuthenticatedError on any other."""
    user_id, expires = _verified(key_ring, token)
    if expires <= time.time():
        raise NotAuthenticatedError(_NOT_VALID)
    return user_id


# A client sends the same token with each request. What is refused is not kept.
@lru_cache(maxsize=1024)
def _verified(key_ring: tuple[str, ...], token: str) -> tuple[UUID, int]:
    """Return the user of a token and when it expires, in seconds of the epoch."""
    for secret in key_ring:
        try:
            claims = jwt.decode(
                token,
                secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["exp", "sub"]},
            )
            return UUID(claims["sub"]), int(claims["exp"])
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError) as error:
            raise NotAuthenticatedError(_NOT_VALID) from error
    raise NotAuthenticatedError("The access token is not valid.")
