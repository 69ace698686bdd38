"""Helpers that the tests share: users and servers, databases, raw SQL, readers of what the service writes."""
