"""`check` says all that a model lacks at once, before anything is trained."""

from __future__ import annotations

import json
import subprocess

from support.processes import mixcomp_edge

TASKS = """
import torch
from torch import nn
from mixcomp_edge import Task

def task(model):
    return Task("m", model, (3, 8, 8), torch.randn(16, 3, 8, 8))

def small():
    return task(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)))

class Rank(nn.Module):
    def forward(self, x):
        return x.sort(-1).values

class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch, self.norm, self.rank = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8), Rank()
        self.mlp = nn.Sequential(nn.Linear(8, 8), nn.GELU())

    def forward(self, x):
        y = self.norm(self.patch(x).flatten(2).transpose(1, 2))
        y = nn.functional.scaled_dot_product_attention(y, y, y)
        y = y.cumprod(1) + torch.erfinv(y / 100)
        return self.mlp(self.rank(y)).prod(1) + y.median(1).values

def transformer():
    return task(Transformer())
"""


def check(tmp_path, function: str, *words: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "tasks.py").write_text(TASKS)
    return mixcomp_edge("check", f"{tmp_path / 'tasks.py'}:{function}", *words, PYTHONWARNINGS="ignore")


def test_a_model_that_lacks_nothing_is_ready(tmp_path):
    done = check(tmp_path, "small", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"task": "m", "ready": True, "missing": [], "layers": ["0", "3"]}


def test_all_that_a_transformer_lacks_is_listed_and_the_exit_code_is_2(tmp_path):
    done = check(tmp_path, "transformer", "--json")
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert not found["ready"]
    kinds = {kind["operator"]: kind for kind in found["missing"]}
    assert set(kinds) == {"sort", "cumprod", "erfinv", "prod", "median"}
    assert kinds["sort"]["modules"] == ["rank"]
    assert all(kind["count"] == 1 for kind in kinds.values())


def test_people_read_the_same_list(tmp_path):
    done = check(tmp_path, "transformer")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "aten.sort is not supported, in module 'rank' (sort)" in done.stderr
    assert "Traceback" not in done.stderr
