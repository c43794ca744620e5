"""The situations: one module for each subject."""
