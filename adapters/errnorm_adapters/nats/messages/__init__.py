"""
Settle a JetStream message by how its handler ended: acknowledge it, ask for it again, give it up, or leave it.

`fate` decides, without I/O; `settle` carries it out around a handler.
"""

from __future__ import annotations

from errnorm_adapters.nats.messages.fate import DOWN, MESSAGES, Fate, Settlement, fate_of
from errnorm_adapters.nats.messages.settle import settle, settled

__all__ = ["DOWN", "MESSAGES", "Fate", "Settlement", "fate_of", "settle", "settled"]
