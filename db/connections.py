"""Opens connections whose two ends both notice, within seconds, that the other one is gone.

A host that loses its power or its network says no goodbye. Left alone, TCP would wait for it for a
quarter of an hour where data is under way and for two hours where none is, and the locks of its
transaction would be held for as long.
"""

from __future__ import annotations

import contextlib
import socket

import asyncpg

CONNECT_SECONDS = 15.0
# An end that is silent for this long is asked, and is gone if it does not answer so many times.
_IDLE_SECONDS, _AGAIN_SECONDS, _TIMES = 5, 2, 3
# What was sent and has not arrived for this long never will. Also how long a dead peer goes
# unnoticed in all, which is about as long as a job whose worker is not heard of is left to it.
GONE_AFTER_SECONDS = _IDLE_SECONDS + _AGAIN_SECONDS * _TIMES
# A client that is frozen still answers TCP. No transaction of ours pauses for this long.
_IDLE_IN_TRANSACTION_SECONDS = 300
_SOCKET = {
    "TCP_KEEPIDLE": _IDLE_SECONDS,
    "TCP_KEEPINTVL": _AGAIN_SECONDS,
    "TCP_KEEPCNT": _TIMES,
    "TCP_USER_TIMEOUT": GONE_AFTER_SECONDS * 1000,
}
# The server's end. Over a Unix socket the first four are not used.
SERVER_SETTINGS = {
    "tcp_keepalives_idle": f"{_IDLE_SECONDS}s",
    "tcp_keepalives_interval": f"{_AGAIN_SECONDS}s",
    "tcp_keepalives_count": f"{_TIMES}",
    "tcp_user_timeout": f"{GONE_AFTER_SECONDS}s",
    # While a statement runs or waits for a lock nothing is read: a closed socket goes unnoticed.
    "client_connection_check_interval": "5s",
    "idle_in_transaction_session_timeout": f"{_IDLE_IN_TRANSACTION_SECONDS}s",
}
_SET = (
    "SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS _ (name, value)"
)


async def connect(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    """Open a connection; raises OSError, which a timeout is one of, or an error of the driver's."""
    connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
    try:
        _notice_silence(connection)
        # By statement: poolers refuse settings that they do not know when a connection begins.
        with contextlib.suppress(asyncpg.InvalidParameterValueError):
            # A server on a system that cannot do one of them is still a server.
            await connection.execute(_SET, [*SERVER_SETTINGS], [*SERVER_SETTINGS.values()])
    except BaseException:
        connection.terminate()
        raise
    return connection


def _notice_silence(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Let the operating system ask for the server where nothing is heard of it."""
    # The driver has no way of its own to say so.
    end = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]  # noqa: SLF001
    if end.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _SOCKET.items():
        # Not every system has all of them; each helps by itself.
        if (option := getattr(socket, name, None)) is not None:
            end.setsockopt(socket.IPPROTO_TCP, option, value)
