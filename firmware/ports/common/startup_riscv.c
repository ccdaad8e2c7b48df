/* From reset to main on RISC-V in machine mode. RISC-V privileged ISA (20211203), 3.1. */
#include "startup.h"

#define CSR(instruction) ".option push\n\t.option arch, +zicsr\n\t" instruction "\n\t.option pop\n\t"

static __attribute__((used)) void start(void)
{ mce_startup(); }

/* Only the UART's interrupt is ever enabled. */
static __attribute__((used, interrupt("machine"))) void interrupt(void)
{ mce_port_receive_irq(); }

/* A fault begins with a fresh stack: the old one may be the fault. Of an interrupt the cause is negative. */
static __attribute__((used, naked, aligned(4))) void trap(void)
{
    __asm__(CSR("csrw mscratch, t0") CSR("csrr t0, mcause") "bltz t0, 1f\n\t"
                                                            "la sp, mce__stack_top\n\t"
                                                            "j mce_port_fault\n\t"
                                                            "1: " CSR("csrr t0, mscratch") "j interrupt");
}

/* Where the core begins: link.ld puts it first. Bit 11 of mie: external interrupts; bit 3 of mstatus: interrupts. */
__attribute__((naked, section(".vectors"))) void mce_port_reset(void)
{
    __asm__("la sp, mce__stack_top\n\t"
            "la t0, trap\n\t" CSR("csrw mtvec, t0") "li t0, 1 << 11\n\t" CSR("csrs mie, t0")
                CSR("csrsi mstatus, 8") "j start");
}
