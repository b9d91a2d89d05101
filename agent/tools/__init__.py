"""The typed tools: thin, each one a unit of work over a service."""
