"""What makes the catalogue, the pictures and the reference pages out of the tables. Run by `make docs`; not part of the package."""
