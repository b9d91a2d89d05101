"""A client that asks and then never reads."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit


@contextlib.contextmanager
def unread(url: str, headers: Mapping[str, str], body: dict[str, Any]) -> Iterator[socket.socket]:
    """Post a run, and leave what is answered in the smallest buffers that there are."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    content = json.dumps(body).encode()
    lines = [
        "POST /v1/runs HTTP/1.1",
        f"Host: {address.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((address.hostname, address.port))
        client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        yield client


def read_on(client: socket.socket) -> bytes:
    """Read what is still there, until the connection ends or turns out to be cut."""
    client.settimeout(30)
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := client.recv(1 << 16):
            received += piece
    return received
