"""C++ for a .tflite file: a header with an op resolver that registers just the operators of the file."""

from __future__ import annotations

from pathlib import Path

from mixcomp_edge.tflite.network import Network


def beside(path: Path) -> Path:
    """Where the header of a file lies: m.tflite -> m_resolver.h."""
    return path.with_name(f"{path.stem}_resolver.h")


def resolver(network: Network) -> str:
    """The header's text: a type, and a function that fills a value of it."""
    name, calls = f"mce_{network.name}", network.registered
    each = "\n                     && ".join(f"resolver.{call}() == kTfLiteOk" for call in calls)
    return f"""// What TensorFlow Lite Micro needs to run {network.name}, by mixcomp-edge. Once, before the interpreter:
//
//     static {name}_resolver resolver;
//     if ({name}_register(resolver) != kTfLiteOk) {{ ... }}
//     static tflite::MicroInterpreter interpreter(tflite::GetModel(file), resolver, arena, sizeof arena);
#pragma once

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

using {name}_resolver = tflite::MicroMutableOpResolver<{len(calls)}>;

inline TfLiteStatus {name}_register({name}_resolver &resolver)
{{
    const bool all = {each};
    return all ? kTfLiteOk : kTfLiteError;
}}
"""
