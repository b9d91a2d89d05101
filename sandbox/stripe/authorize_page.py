"""The page on which an account's owner lets a Connect platform in, or does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from sandbox.stripe.accounts import Platform
from sandbox.stripe.ledger import Ledger

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Connect to {name}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 4rem auto; padding: 1rem }}
button, select {{ font: inherit; padding: .4rem 1rem }}
</style>
</head>
<body>
<h1>{name} asks for access</h1>
<p>It wants to {wish} of a Stripe account. This is a sandbox: nothing here is real.</p>
<form method="get" action="/oauth/authorize">
{hidden}
<p><label>Account <select name="account">{accounts}</select></label></p>
<p>
<button name="approve" value="1">Connect</button>
<button name="approve" value="0">Deny</button>
</p>
</form>
</body>
</html>
"""
_WISHES = {"read_only": "read all data", "read_write": "read and change all data"}


def render_page(
    platform: Platform, ledgers: Iterable[Ledger], query: Mapping[str, str], scope: str
) -> str:
    """Return the HTML; the form repeats the query and adds the choice."""
    hidden = "\n".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in query.items()
        if name != "account"
    )
    accounts = "".join(
        f'<option value="{escape(ledger.shop.account_id)}">{escape(ledger.shop.name)}</option>'
        for ledger in ledgers
    )
    wish = _WISHES[scope]
    return _PAGE.format(name=escape(platform.name), wish=wish, hidden=hidden, accounts=accounts)
