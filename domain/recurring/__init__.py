"""Recurring revenue: its monthly value, its history, how it moves and how much of it stays."""
