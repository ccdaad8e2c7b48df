/* From reset to main on Cortex-M: the vector table and what the core wants before. */
#include "startup.h"

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
    mce_startup();
}
