/* The UART of nRF51 and nRF52 (the one without EasyDMA, which nRF52840 has too). A port that uses it defines
 * MCE_NRF_UART_TXD and MCE_NRF_UART_RXD, pins of port 0, includes this in its port.c once, and calls mce_nrf_uart_init.
 * Registers: nRF51 Series Reference Manual v3.0, and nRF52840 Product Specification v1.1,
 * chapters UART and GPIO: the same addresses. */
#ifndef MCE_NRF_UART_H
#define MCE_NRF_UART_H

#include "mce_board.h"
#include "mixcomp/port.h"

#define NRF_GPIO_OUTSET MCE_REG(0x50000508u)
#define NRF_GPIO_DIRSET MCE_REG(0x50000518u)
#define NRF_GPIO_PIN_CNF(pin) MCE_REG(0x50000700u + 4u * (pin))
#define NRF_UART 0x40002000u
#define NRF_UART_STARTRX MCE_REG(NRF_UART + 0x000u)
#define NRF_UART_STARTTX MCE_REG(NRF_UART + 0x008u)
#define NRF_UART_RXDRDY MCE_REG(NRF_UART + 0x108u)
#define NRF_UART_TXDRDY MCE_REG(NRF_UART + 0x11Cu)
#define NRF_UART_INTENSET MCE_REG(NRF_UART + 0x304u)
#define NRF_UART_ERRORSRC MCE_REG(NRF_UART + 0x480u)
#define NRF_UART_ENABLE MCE_REG(NRF_UART + 0x500u)
#define NRF_UART_PSELRTS MCE_REG(NRF_UART + 0x508u)
#define NRF_UART_PSELTXD MCE_REG(NRF_UART + 0x50Cu)
#define NRF_UART_PSELCTS MCE_REG(NRF_UART + 0x510u)
#define NRF_UART_PSELRXD MCE_REG(NRF_UART + 0x514u)
#define NRF_UART_RXD MCE_REG(NRF_UART + 0x518u)
#define NRF_UART_TXD MCE_REG(NRF_UART + 0x51Cu)
#define NRF_UART_BAUDRATE MCE_REG(NRF_UART + 0x524u)
#define NRF_UART_CONFIG MCE_REG(NRF_UART + 0x56Cu)

/* The manual's values for the UART's speeds. It divides 16 MHz by a whole number, so the fastest two are 2.1 % fast. */
#if MCE_BOARD_BAUD == 9600
#define NRF_UART_SPEED 0x00275000u
#elif MCE_BOARD_BAUD == 19200
#define NRF_UART_SPEED 0x004EA000u
#elif MCE_BOARD_BAUD == 38400
#define NRF_UART_SPEED 0x009D5000u
#elif MCE_BOARD_BAUD == 57600
#define NRF_UART_SPEED 0x00EBF000u
#elif MCE_BOARD_BAUD == 115200
#define NRF_UART_SPEED 0x01D7E000u
#elif MCE_BOARD_BAUD == 230400
#define NRF_UART_SPEED 0x03AFB000u
#elif MCE_BOARD_BAUD == 460800
#define NRF_UART_SPEED 0x075F7000u
#elif MCE_BOARD_BAUD == 921600
#define NRF_UART_SPEED 0x0EBED000u
#endif

static inline void mce_nrf_uart_init(void)
{
    NRF_GPIO_OUTSET = 1u << MCE_NRF_UART_TXD; /* idle, before the pin drives */
    NRF_GPIO_DIRSET = 1u << MCE_NRF_UART_TXD;
    NRF_GPIO_PIN_CNF(MCE_NRF_UART_RXD) = 3u << 2; /* input, connected, pulled up: an open line reads as idle */
    NRF_UART_PSELTXD = MCE_NRF_UART_TXD;
    NRF_UART_PSELRXD = MCE_NRF_UART_RXD;
    NRF_UART_PSELRTS = 0xFFFFFFFFu; /* not connected */
    NRF_UART_PSELCTS = 0xFFFFFFFFu;
    NRF_UART_CONFIG = 0; /* no flow control, no parity, one stop bit */
    NRF_UART_BAUDRATE = NRF_UART_SPEED;
    NRF_UART_ENABLE = 4;
    NRF_UART_RXDRDY = 0;
    NRF_UART_INTENSET = 1u << 2; /* RXDRDY */
    NRF_UART_STARTTX = 1;
    NRF_UART_STARTRX = 1;
    mce_port_enable_irq(MCE_BOARD_UART_IRQ);
}

void mce_port_put(uint8_t byte)
{
    NRF_UART_TXDRDY = 0;
    NRF_UART_TXD = byte;
    while (NRF_UART_TXDRDY == 0) { /* ends after ten bits: without flow control nothing can hold the transmitter */
    }
}

void mce_port_receive_irq(void)
{
    NRF_UART_ERRORSRC = 0xFu; /* write 1 to clear; an overrun has lost bytes, but does not stop the receiver */
    while (NRF_UART_RXDRDY != 0) {
        NRF_UART_RXDRDY = 0;
        (void)NRF_UART_RXDRDY; /* the write has reached the UART before RXD moves on to its next byte */
        mce_port_received((uint8_t)NRF_UART_RXD);
    }
}

#endif
