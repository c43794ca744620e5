"""Adapters: one module a protocol, or a client of it. Each turns one raw thing into a signal, and judges nothing."""
