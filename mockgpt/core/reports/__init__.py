"""Reports: pure functions of records and exchanges; nothing that they write has a secret in it."""
