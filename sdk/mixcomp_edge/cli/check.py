"""mixcomp-edge check"""

from __future__ import annotations

from dataclasses import asdict

import typer

from mixcomp_edge.cli.common import JsonFlag, TaskArgument, output, print_json, show_next
from mixcomp_edge.cli.model_file import with_source
from mixcomp_edge.errors import MixcompError, UnsupportedError
from mixcomp_edge.train.tasks.source import NOTHING, Source


def register(app: typer.Typer) -> None:
    @app.command()
    @with_source
    def check(
        task: TaskArgument,
        source: Source = NOTHING,
        json: JsonFlag = False,
    ) -> None:
        """Import a task's model and say all that it lacks at once; nothing is trained or written.

        Exit code 2 where something is missing.

        Example: mixcomp-edge check model.py:make_task
        """
        from mixcomp_edge.lower import lower
        from mixcomp_edge.train.quantized_model import prepare
        from mixcomp_edge.train.tasks import load_task

        the_task = load_task(task, source, needs_data=False)
        try:
            model = prepare(the_task.model, the_task.calibration, None, the_task.name, the_task.recipe)
            lower(model.quantized_graph())
        except MixcompError as error:
            if not json:
                raise
            missing = [asdict(kind) for kind in error.missing] if isinstance(error, UnsupportedError) else []
            print_json({"task": the_task.name, "ready": False, "missing": missing, "error": str(error)})
            raise typer.Exit(2) from error
        layers = list(model.macs)
        if json:
            print_json({"task": the_task.name, "ready": True, "missing": [], "layers": layers})
            return
        output.print(f"{the_task.name}: everything has its counterpart in C; {len(layers)} layers.", highlight=False)
        show_next(f"mixcomp-edge quantize {task} -o {the_task.name}.mce")
