"""The HTTP interface: routes, authentication, errors, streams."""
