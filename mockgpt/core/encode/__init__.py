"""Answers to bytes, one module an endpoint, in the key order of the service's documentation."""
