"""The one exception of the emulator."""


class EmulatorError(RuntimeError):
    """A program could not be loaded or did not run to its end. `kind`, `pc` and `address` say what a fault was."""

    def __init__(self, message: str, *, kind: str = "", pc: int | None = None, address: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind  # "read", "write", "fetch", "stack overflow", "illegal instruction", "budget", "timeout", ...
        self.pc = pc
        self.address = address
