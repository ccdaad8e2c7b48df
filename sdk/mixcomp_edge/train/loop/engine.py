"""Where the training loop runs: in this process, or on Lightning Fabric over several devices, processes and nodes.

`cpu` is this process and needs nothing. `cpu:2`, `gpu`, `gpu:4` and `gpu:4x2` (four on each of two nodes) are Fabric's
(extra `train`). For several devices Fabric starts the same command once for each; all of them walk the same batches and
take their share of each, so that the global batch is that of one process. Over several nodes the command is started
once on each, with MASTER_ADDR, MASTER_PORT and NODE_RANK set, or by torchrun or SLURM; all see one file system."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mixcomp_edge.errors import RecipeError

FORM = re.compile(r"(cpu|gpu)(?::([1-9]\d{0,3})(?:x([1-9]\d{0,3}))?)?")


@dataclass(frozen=True)
class Devices:
    """So many devices on each of so many nodes."""

    accelerator: str = "cpu"
    count: int = 1
    nodes: int = 1


def parse_devices(text: str) -> Devices:
    """From the command line's form."""
    match = FORM.fullmatch(text)
    if match is None:
        raise RecipeError(f"devices '{text}': expected cpu, cpu:N, gpu, gpu:N, or gpu:NxM for M nodes.")
    accelerator, count, nodes = match.groups()
    return Devices(accelerator, int(count or 1), int(nodes or 1))


class Engine(Protocol):
    """What the loop asks of the place where it runs."""

    rank: int
    world: int
    device: torch.device

    def setup(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        """The pair to call; the given model, already on `device`, is the one that learns."""

    def backward(self, loss: Tensor) -> None:
        """Gradients, averaged over all ranks."""

    def sum(self, value: Tensor) -> Tensor:
        """Over all ranks."""

    def barrier(self) -> None:
        """All ranks wait for all."""


class OneProcess:
    """Plain PyTorch, on this machine's processor."""

    rank, world = 0, 1
    device = torch.device("cpu")

    def setup(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        return model, optimizer

    def backward(self, loss: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]

    def sum(self, value: Tensor) -> Tensor:
        return value

    def barrier(self) -> None:
        """Nobody to wait for."""


class OnFabric:
    """Lightning Fabric with one data-parallel rank a device."""

    def __init__(self, devices: Devices) -> None:
        try:
            from lightning.fabric import Fabric
        except ImportError as error:
            raise RecipeError("several devices or a GPU need Lightning: pip install 'mixcomp-edge[train]'.") from error
        if devices.accelerator == "gpu" and not torch.cuda.is_available():
            raise RecipeError("devices 'gpu': PyTorch sees none here. Use cpu, or install a PyTorch build with CUDA.")
        accelerator = "cuda" if devices.accelerator == "gpu" else "cpu"
        many = devices.count * devices.nodes > 1
        self.fabric = Fabric(
            accelerator=accelerator, devices=devices.count, num_nodes=devices.nodes, strategy="ddp" if many else "auto"
        )
        self.fabric.launch()
        self.rank, self.world, self.device = self.fabric.global_rank, self.fabric.world_size, self.fabric.device

    def setup(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        return self.fabric.setup(model, optimizer, move_to_device=False)

    def backward(self, loss: Tensor) -> None:
        self.fabric.backward(loss)

    def sum(self, value: Tensor) -> Tensor:
        return self.fabric.all_reduce(value, reduce_op="sum")  # type: ignore[return-value]

    def barrier(self) -> None:
        self.fabric.barrier()


def make_engine(devices: str = "cpu") -> Engine:
    """Once in a process: with several devices the other processes start here, from the beginning of the command."""
    wanted = parse_devices(devices)
    return OneProcess() if wanted == Devices() else OnFabric(wanted)
