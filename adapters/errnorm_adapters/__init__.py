"""Adapters, one for each protocol. An adapter turns one raw error into a `Signal`; it does not decide what the error means."""
