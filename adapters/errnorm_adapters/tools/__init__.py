"""Commands that use the adapters: a demonstration on real servers, and a comparison of the tables with their sources."""
