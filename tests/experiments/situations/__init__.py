"""The situations, by what they are about."""
