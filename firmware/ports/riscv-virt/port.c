/* QEMU's RISC-V machine "virt": its UART is an NS16550A, its interrupts come through a PLIC, time is told by a CLINT.
 * Addresses: QEMU, hw/riscv/virt.c, virt_memmap; PLIC: RISC-V Platform-Level Interrupt Controller Specification 1.0. */
#include "mce_board.h"
#include "mixcomp/port.h"

#define UART 0x10000000u
#define UART_BYTE(n) (*(volatile uint8_t *)(uintptr_t)(UART + (n)))
#define UART_DATA UART_BYTE(0)
#define UART_IER UART_BYTE(1) /* bit 0: interrupt when a byte is there */
#define UART_FCR UART_BYTE(2) /* bit 0: FIFOs, 1 and 2: cleared */
#define UART_LCR UART_BYTE(3) /* 3: eight bits, no parity; bit 7: the first two registers are the divisor */
#define UART_MCR UART_BYTE(4)
#define UART_LSR UART_BYTE(5) /* bit 0: a byte is there, 5: room for a byte */
#define UART_CLOCK_HZ 3686400u

#define PLIC 0x0C000000u
#define PLIC_PRIORITY MCE_REG(PLIC + 4u * MCE_BOARD_UART_IRQ)
#define PLIC_ENABLE MCE_REG(PLIC + 0x2000u + 4u * (MCE_BOARD_UART_IRQ / 32u)) /* of hart 0 in machine mode */
#define PLIC_THRESHOLD MCE_REG(PLIC + 0x200000u)
#define PLIC_CLAIM MCE_REG(PLIC + 0x200004u)

#define MTIME_LOW MCE_REG(0x0200BFF8u)
#define MTIME_HIGH MCE_REG(0x0200BFFCu)

extern uint32_t mce__ram_start[];

/* What lies below RAM is flash only by our link.ld: the core is told not to write there, so that a stack that grows too far
 * faults. PMP region 0, locked, from address 0 on: read and execute, up to pmpaddr0 * 4. Privileged ISA (20211203), 3.7. */
static void protect_flash(void)
{
    const uint32_t end = (uint32_t)(uintptr_t)mce__ram_start >> 2, rules = 1u << 7 | 1u << 3 | 1u << 2 | 1u << 0;
    const uint32_t first = 0x80000000u >> 2;
    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\t"
                     "csrw pmpaddr0, %0\n\tcsrw pmpaddr1, %1\n\tcsrw pmpcfg0, %2\n\t"
                     ".option pop"
                     :
                     : "r"(first), "r"(end), "r"(rules << 8));
}

uint64_t mce_port_cycles(void)
{
    uint32_t low, high;
    do { /* again when the lower word wrapped between the readings */
        high = MTIME_HIGH;
        low = MTIME_LOW;
    } while (high != MTIME_HIGH);
    return ((uint64_t)high << 32) + low;
}

void mce_port_init(void)
{
    protect_flash();
    const uint32_t divisor = (UART_CLOCK_HZ / 16u + MCE_BOARD_BAUD / 2u) / MCE_BOARD_BAUD;
    UART_LCR = 1u << 7;
    UART_DATA = (uint8_t)divisor;
    UART_IER = (uint8_t)(divisor >> 8);
    UART_LCR = 3;
    UART_FCR = 7;
    UART_MCR = 1u << 3; /* OUT2: the interrupt reaches its line */
    UART_IER = 1;
    PLIC_PRIORITY = 1;
    PLIC_THRESHOLD = 0;
    PLIC_ENABLE = 1u << (MCE_BOARD_UART_IRQ % 32u);
}

void mce_port_put(uint8_t byte)
{
    while ((UART_LSR & 1u << 5) == 0) {}
    UART_DATA = byte;
}

void mce_port_receive_irq(void)
{
    const uint32_t source = PLIC_CLAIM;
    while ((UART_LSR & 1u) != 0) {
        mce_port_received(UART_DATA);
    }
    PLIC_CLAIM = source;
}
