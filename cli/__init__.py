"""The `vaultra` command."""
