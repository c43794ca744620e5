"""OpenTelemetry: attributes and events on spans, counters, and spans put right where they leave the process."""
