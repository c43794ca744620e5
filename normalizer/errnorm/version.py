"""The version of the library. The build reads it from here, and so does what is told to OpenTelemetry."""

__all__ = ["VERSION"]

VERSION = "0.2.0"
