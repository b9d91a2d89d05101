"""Replay written conversations against the real agent, and judge what it said and did."""
