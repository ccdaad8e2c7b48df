/* Calls itself until its stack has left the RAM. */
#include "mce_board.h"
#include "mixcomp/port.h"

void mce_port_received(uint8_t byte)
{ (void)byte; }

static uint32_t deep(uint32_t level)
{
    volatile uint32_t room[16];
    room[level % 16] = level;
    return level == 0 ? 0 : deep(level - 1) + room[level % 16];
}

int main(void)
{
    mce_port_init();
    mce_port_put(deep(1000000) == 0 ? '0' : '1');
    for (;;) {}
}
