"""The readiness scores of known businesses, and the page that shows them to a reader who judges."""
