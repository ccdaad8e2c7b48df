/* The board that tests/firmware/protocol/device.c plays on this machine. */
#ifndef MCE_BOARD_H
#define MCE_BOARD_H

#define MCE_BOARD_NAME "test"
#define MCE_BOARD_CORE "host"
#define MCE_BOARD_CLOCK_HZ 1000000u
#define MCE_BOARD_UART_IRQ 0
#define MCE_BOARD_BAUD 115200u
#define MCE_BOARD_ENERGY 0

#endif
