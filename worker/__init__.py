"""The job engine's application and its thin tasks."""
