"""The tables: data, and nothing that runs."""
