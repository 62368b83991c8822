"""What writes the parts of the documents that nobody should write by hand."""
