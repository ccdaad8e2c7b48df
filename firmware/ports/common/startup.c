/* From reset to main, for every board: vector table, memory, stack paint. Symbols come from common/sections.ld. */
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

/* A fault's handler begins with a fresh stack: the old one may be the fault, and another in here would lock the core up. */
__attribute__((naked)) static void fault(void)
{ __asm__("ldr r0, =mce__stack_top\n\tmov sp, r0\n\tbl mce_port_fault\n\t.pool"); }

/* Only the interrupts named here are ever enabled, so the table ends with the UART's. */
typedef void (*vector)(void);
__attribute__((used, section(".vectors"))) static const vector vectors[] = {
    [0] = (vector)(void *)mce__stack_top,
    [1] = mce_port_reset,
    [2] = fault, /* NMI */
    [3] = fault, /* HardFault */
    [4] = fault, /* MemManage */
    [5] = fault, /* BusFault */
    [6] = fault, /* UsageFault */
    [7] = fault, /* SecureFault */
    [15] = mce_port_tick_irq,
    [16 + MCE_BOARD_UART_IRQ] = mce_port_receive_irq,
};

void mce_port_reset(void)
{
    MCE_REG(0xE000ED08u) = (uint32_t)(uintptr_t)vectors; /* VTOR; ignored by a core without one */
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    MCE_REG(0xE000ED88u) |= 0xFu << 20; /* CPACR: full access to CP10 and CP11, before any code may use them */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
    __asm__ volatile("msr msplim, %0" : : "r"(mce__stack_limit)); /* a boot ROM may have left one of its own */
#endif
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
