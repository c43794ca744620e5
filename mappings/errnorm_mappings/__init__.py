"""The built-in tables: TOML data without code."""
