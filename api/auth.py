"""Access tokens: short JSON Web Tokens, signed with the key ring's first secret."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import jwt

from domain.errors import NotAuthenticatedError

ALGORITHM = "HS256"
AUDIENCE = "vaultra"


def issue_token(
    key_ring: tuple[str, ...], user_id: UUID, *, now: datetime, lifetime: timedelta
) -> str:
    """Return a token that says who its bearer is; roles are looked up, never carried."""
    claims = {"sub": str(user_id), "aud": AUDIENCE, "iat": now, "exp": now + lifetime}
    return jwt.encode(claims, key_ring[0], algorithm=ALGORITHM)


def read_token(key_ring: tuple[str, ...], token: str) -> UUID:
    """Return the user of a valid token; raise NotAuthenticatedError on any other."""
    for secret in key_ring:
        try:
            claims = jwt.decode(
                token,
                secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["exp", "sub"]},
            )
            return UUID(claims["sub"])
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError) as error:
            raise NotAuthenticatedError("The access token is not valid, or has expired.") from error
    raise NotAuthenticatedError("The access token is not valid.")
