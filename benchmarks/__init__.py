"""What ``make bench`` runs: the service beside two references, measured in the same minutes."""
