// What sketches of ours ask of Arduino: Serial, by the UART of QEMU's board.
#pragma once
#include <stdint.h>

struct Port {
    void begin(unsigned long baud);
    void print(const char *text);
    void print(unsigned value);
    void println(const char *text);
};
extern Port Serial;

void setup();
void loop();
