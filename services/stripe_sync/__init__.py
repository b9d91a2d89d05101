"""The sync of a Stripe account into the ledger."""
