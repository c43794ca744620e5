"""Makes the catalogue, the pictures and the reference pages out of the tables, for `make docs`. Not part of the package."""
