"""
Settle a JetStream message according to the result of its handler: acknowledge, request redelivery, terminate, or do nothing.

The module `fate` decides without I/O. The module `settle` runs around a handler and carries the decision out.
"""

from __future__ import annotations

from errnorm_adapters.nats.messages.fate import DOWN, MESSAGES, Fate, Settlement, fate_of
from errnorm_adapters.nats.messages.settle import settle, settled

__all__ = ["DOWN", "MESSAGES", "Fate", "Settlement", "fate_of", "settle", "settled"]
