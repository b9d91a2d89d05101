"""A Stripe that speaks the real protocol from a ledger of facts."""
