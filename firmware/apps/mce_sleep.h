/* Interrupts off and on, and sleep, which an interrupt that waits ends even while they are off: Arm's WFI, RISC-V's too
 * (Armv7-M ARM B1.5.19; RISC-V privileged ISA 20211203, 3.3.3). */
#ifndef MCE_SLEEP_H
#define MCE_SLEEP_H

#if defined(__riscv)
#define MCE_CSR(instruction) ".option push\n\t.option arch, +zicsr\n\t" instruction "\n\t.option pop"
#define MCE_OFF MCE_CSR("csrci mstatus, 8")
#define MCE_ON MCE_CSR("csrsi mstatus, 8")
#define MCE_SLEEP "fence\n\twfi"
#define MCE_ON_AT_ONCE MCE_ON
#else
#define MCE_OFF "cpsid i"
#define MCE_ON "cpsie i"
#define MCE_SLEEP "dsb\n\twfi"
#define MCE_ON_AT_ONCE "cpsie i\n\tisb"
#endif

#endif
