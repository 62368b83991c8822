"""Files from strangers: what they may not do. Each test makes its own, and counts are in docs/security.md."""
