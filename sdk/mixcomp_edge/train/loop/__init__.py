"""How a network is trained: batches, losses, checkpoints, processes, sweeps."""
