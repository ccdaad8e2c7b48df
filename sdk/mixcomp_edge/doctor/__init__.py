"""What this machine has and lacks for our verbs: each fault found comes with its remedy."""
