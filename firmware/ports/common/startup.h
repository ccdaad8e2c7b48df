/* What every startup does between reset and main, and how it ends. Included once, by startup.c or startup_riscv.c. Symbols
 * come from common/sections.ld. */
#ifndef MCE_STARTUP_H
#define MCE_STARTUP_H

#include "mce_board.h"
#include "mixcomp/port.h"

extern uint32_t mce__stack_limit[], mce__stack_top[];
extern const uint32_t mce__data_load[];
extern uint32_t mce__data_start[], mce__data_end[], mce__bss_start[], mce__bss_end[];

#define STACK_PAINT 0xC5C5C5C5u /* what mce_port_stack_used looks for */

/* Tells the host, and stands still. */
void mce_port_fault(void);
__attribute__((used, noreturn)) void mce_port_fault(void)
{
    for (const char *text = "\r\ne-[Fault]\r\n"; *text != '\0'; text++) {
        mce_port_put((uint8_t)*text);
    }
    for (;;) {}
}

/* The stack's paint, data and bss, then main. */
static inline __attribute__((always_inline)) void mce_startup(void)
{
    volatile uint32_t *free_stack = mce__stack_limit; /* volatile: a loop, not a call of memset over its own stack */
    volatile uint32_t *const here = (volatile uint32_t *)__builtin_frame_address(0) - 16;
    while (free_stack < here) {
        *free_stack++ = STACK_PAINT;
    }
    const uint32_t *load = mce__data_load;
    for (volatile uint32_t *to = mce__data_start; to < mce__data_end; to++) {
        *to = *load++;
    }
    for (volatile uint32_t *to = mce__bss_start; to < mce__bss_end; to++) {
        *to = 0;
    }
    (void)main();
    mce_port_fault();
}

uint32_t mce_port_stack_bytes(void)
{ return (uint32_t)((uintptr_t)mce__stack_top - (uintptr_t)mce__stack_limit); }

uint32_t mce_port_stack_used(void)
{
    const volatile uint32_t *lowest = mce__stack_limit;
    while (lowest < mce__stack_top && *lowest == STACK_PAINT) {
        lowest++;
    }
    return (uint32_t)((uintptr_t)mce__stack_top - (uintptr_t)lowest);
}

#endif
