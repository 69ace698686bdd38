"""Who a user is: signing up and in, passwords, tokens, sessions, the second factor, managing users."""
