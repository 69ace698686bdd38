"""Requests to the servers of customers: which addresses may be reached, how a message is signed and sent.

The package needs neither a database nor a request, and imports nothing else of the application.
"""
