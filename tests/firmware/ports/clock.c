/* Looks at the cycle counter again and again; says 'b' for each step back, 'w' for each wrap of 24 bits, and 'e' at the end. */
#include "mce_board.h"
#include "mixcomp/port.h"

void mce_port_received(uint8_t byte)
{ (void)byte; }

int main(void)
{
    mce_port_init();
    uint64_t last = mce_port_cycles();
    for (uint32_t i = 0; i < 10000; i++) {
        const uint64_t now = mce_port_cycles();
        if (now < last) {
            mce_port_put('b');
        }
        if (now >> 24 != last >> 24) {
            mce_port_put('w');
        }
        last = now;
    }
    mce_port_put('e');
    for (;;) {}
}
