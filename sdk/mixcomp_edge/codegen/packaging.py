"""What an export may be a package of."""

from __future__ import annotations

from enum import StrEnum


class Packaging(StrEnum):
    """What `export --as` takes; cmake is the plain project, tflite a file."""

    CMAKE = "cmake"
    ARDUINO = "arduino"
    PLATFORMIO = "platformio"
    ZEPHYR = "zephyr"
    ESP_IDF = "esp-idf"
    CMSIS_PACK = "cmsis-pack"
    TFLITE = "tflite"

    @property
    def below_src(self) -> bool:
        """Whether its tool looks for headers below src/."""
        return self in (Packaging.ARDUINO, Packaging.PLATFORMIO)
