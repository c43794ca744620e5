"""Adapters, one for each protocol. An adapter turns one raw thing into a signal; it does not judge."""
