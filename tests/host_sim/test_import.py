"""The simulator stands alone."""

import subprocess
import sys


def test_it_imports_without_torch_and_without_the_sdk():
    script = (
        "import sys; sys.modules['torch'] = None; sys.modules['mixcomp_edge'] = None\n"
        "import mixcomp_sim; print([getattr(mixcomp_sim, name) for name in mixcomp_sim.__all__])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "class 'mixcomp_sim.emulator.Emulator'" in done.stdout
