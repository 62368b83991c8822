"""One module a tool; each runs as a process of its own, in an environment of its own."""
