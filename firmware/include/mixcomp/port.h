/* A board, as the app sees it: four functions that each port writes, and one that the app gives to them.
 * firmware/ports/README.md says how to write a port. The constants of board.toml come as macros from the generated
 * "mce_board.h": MCE_BOARD_NAME, MCE_BOARD_CORE, MCE_BOARD_CLOCK_HZ, MCE_BOARD_UART_IRQ, MCE_BOARD_BAUD,
 * MCE_BOARD_ENERGY. */
#ifndef MIXCOMP_PORT_H
#define MIXCOMP_PORT_H

#include <stdint.h>

/* Clocks, pins, the UART at MCE_BOARD_BAUD 8N1 and its receive interrupt in the peripheral and in the NVIC, and the cycle
 * counter. Called once, first, with interrupts on and data and bss set up. */
void mce_port_init(void);

/* Sends one byte; waits while the transmitter has no room. Called outside interrupts only. */
void mce_port_put(uint8_t byte);

/* The UART's interrupt handler (entry 16 + MCE_BOARD_UART_IRQ of the vector table): hands every byte that has come to
 * mce_port_received and clears overrun and framing errors, so that a burst of noise cannot stop reception. */
void mce_port_receive_irq(void);

/* Cycles of the core's clock (MCE_BOARD_CLOCK_HZ) since mce_port_init; never goes back. common/systick.c gives it for
 * every core with a SysTick that counts the core's clock. Called outside interrupts only, at least once an inference. */
uint64_t mce_port_cycles(void);

/* Pulls the timestamp pin low for a millisecond, then high, where board.toml names a timestamp_pin; mce_port_init has made
 * it a high output if MCE_BOARD_ENERGY. MLPerf Tiny asks for 1 us or more; its power monitors take the rising edge. */
void mce_port_mark_time(void);

/* Given by the app: takes one received byte, inside the interrupt. */
void mce_port_received(uint8_t byte);

/* Given by common/startup.c: where execution begins; the size of the stack and how much of it was ever in use. */
void mce_port_reset(void);
uint32_t mce_port_stack_bytes(void);
uint32_t mce_port_stack_used(void);

/* Given by common/systick.c or by the port: handler of the SysTick exception; empty where SysTick is not used. */
void mce_port_tick_irq(void);

/* Given by the app: runs for ever. */
int main(void);

/* A memory-mapped register. */
#define MCE_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* Enables an interrupt in the NVIC: ISER, Armv6-M, v7-M and v8-M Architecture Reference Manuals, B3.4 / B3.4.4. */
static inline void mce_port_enable_irq(uint32_t irq)
{ MCE_REG(0xE000E100u + 4u * (irq / 32u)) = 1u << (irq % 32u); }

#endif
