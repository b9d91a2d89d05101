"""Queries, one module per aggregate: `get_` raises, `find_` returns None, `list_` lists."""
