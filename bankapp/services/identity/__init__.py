"""Authentication: sign-up, sign-in, passwords, tokens, sessions, the second factor, and management of users."""
