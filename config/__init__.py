"""Settings from the environment and the set-up of logging."""
