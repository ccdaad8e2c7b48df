"""Boards from the host's side: programming them, and talking with the firmware that runs there."""
