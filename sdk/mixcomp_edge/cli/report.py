"""mixcomp-edge report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mixcomp_edge.cli.common import ChainOption, JsonFlag, ModelOption, SourceArgument, TargetOption, output, print_json
from mixcomp_edge.storage import check_file, write_file


def register(app: typer.Typer) -> None:
    @app.command()
    def report(
        source: SourceArgument,
        out: Annotated[Path, typer.Option("-o", "--output", help="The page to write.", metavar="REPORT.html")],
        other: Annotated[
            Path | None, typer.Argument(help="A second bundle or folder, to compare with.", metavar="[OTHER]")
        ] = None,
        target: TargetOption = None,
        chip: Annotated[
            str | None,
            typer.Option("--chip", help="Chip with that core: stm32l4r5, nrf52840, …", show_default="one a core"),
        ] = None,
        model: ModelOption = None,
        compare: Annotated[
            bool, typer.Option("--compare", help="Put an int8 build and TFLite Micro beside it.")
        ] = False,
        toolchain: ChainOption = None,
        json: JsonFlag = False,
    ) -> None:
        """Write what `simulate` finds as one page of HTML: verdict, layers, memory, network, origin.

        The page stands alone: it loads nothing, and works from a mail or a stick.

        With a second model the page puts both side by side, in total and layer by layer.

        Examples: mixcomp-edge report resnet8.mce --chip stm32l4r5 --compare -o resnet8.html

        mixcomp-edge report resnet8.mce resnet8_tflm.mce -o both.html
        """
        from mixcomp_edge.report import report as make

        check_file(out)
        text = make(
            source, target_name=target, model=model, chain_name=toolchain, chip_name=chip, compare=compare, other=other
        )
        write_file(out, text)
        if json:
            print_json({"report": str(out), "bytes": len(text.encode())})
            return
        output.print(f"Wrote {out}, {len(text.encode()):,} B.", highlight=False)
