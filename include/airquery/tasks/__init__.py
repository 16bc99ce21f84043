"""What single functions need beyond their macro: labels, schemas, and rows of several requests."""
