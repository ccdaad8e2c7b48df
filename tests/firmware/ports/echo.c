/* The smallest app on a port: says hello, sends back what comes, and answers '?' with one digit that grows with time. */
#include "mce_board.h"
#include "mixcomp/port.h"

static volatile uint8_t ring[256];
static volatile uint8_t head; /* written by the interrupt */

void mce_port_received(uint8_t byte)
{ ring[head++] = byte; }

static void say(const char *text)
{
    while (*text != '\0') {
        mce_port_put((uint8_t)*text++);
    }
}

int main(void)
{
    uint8_t tail = 0;
    mce_port_init();
    say(MCE_BOARD_NAME " " MCE_BOARD_CORE "\r\n");
    for (;;) {
        if (tail == head) {
            continue;
        }
        const uint8_t byte = ring[tail++];
        if (byte == '?') {
            const uint64_t start = mce_port_cycles();
            while (mce_port_cycles() - start < MCE_BOARD_CLOCK_HZ / 100u) {}
            say(mce_port_stack_used() <= mce_port_stack_bytes() ? "10 ms" : "stack");
        } else {
            mce_port_put(byte);
        }
    }
}
