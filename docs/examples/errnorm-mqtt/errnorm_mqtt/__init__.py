"""The errors of MQTT 5, for errnorm: reason codes of packets, as text and as paho-mqtt holds them."""

from __future__ import annotations

import re

from errnorm.adapters import Signal

__all__ = ["observe"]

# How brokers and clients write one down: `DISCONNECT 0x8e`, `SUBACK 0x87 Not authorized`.
_WRITTEN = re.compile(
    r"(?P<packet>CONNACK|DISCONNECT|AUTH|PUBACK|PUBREC|PUBREL|PUBCOMP|SUBACK|UNSUBACK) 0x(?P<code>[0-9A-Fa-f]{2})(?: .*)?"
)
_ENDING = frozenset({"CONNACK", "DISCONNECT", "AUTH"})


def observe(error: object, /) -> Signal | None:
    """
    Observe one error of MQTT.

    Args:
        error: Text, or a reason code of paho-mqtt.

    Returns:
        What was seen; `None` if it is nothing of MQTT.
    """
    if isinstance(error, str):
        match = _WRITTEN.fullmatch(error[:256].strip())
        return None if match is None else _signal(match["packet"], int(match["code"], 16), error)
    if f"{type(error).__module__}.{type(error).__name__}" == "paho.mqtt.reasoncodes.ReasonCode":
        # paho keeps the type of the packet as its number (MQTT 5, 2.1.2): 2 is CONNACK, 14 DISCONNECT, 15 AUTH.
        packet = {2: "CONNACK", 14: "DISCONNECT", 15: "AUTH"}.get(getattr(error, "packetType", 0), "PUBACK")
        return _signal(packet, int(getattr(error, "value", 0x80)), str(error))
    return None


def _signal(packet: str, code: int, text: str) -> Signal:
    section = "connection" if packet in _ENDING else "answer"
    return Signal("mqtt", section, f"0x{code:02x}", text[:4096], family=((section, "0x80"),))
