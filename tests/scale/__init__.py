"""Several servers of everything: what still holds when one of them is lost, starts or changes."""
