"""Stripe, read only: what is decoded is what is kept, and no personal data is decoded."""
