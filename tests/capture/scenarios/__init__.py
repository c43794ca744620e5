"""The scenarios: a module a subject. Each is imported when the capture runs."""
