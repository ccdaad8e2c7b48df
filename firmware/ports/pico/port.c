/* Raspberry Pi Pico: RP2040 at 133 MHz, the datasheet's limit at 1.1 V; UART 0 on GP0 (pin 1, transmit) and GP1 (pin 2,
 * receive), where the Raspberry Pi Debug Probe and any 3.3 V USB-serial cable go. The flash runs at half the core's
 * clock (boot2.S). Addresses: RP2040 datasheet 2.2; reset bits: 2.14.3. */
#include "mce_board.h"
#include "systick.h"

#define MCE_RP2_RESETS 0x4000C000u
#define MCE_RP2_CLOCKS 0x40008000u
#define MCE_RP2_XOSC 0x40024000u
#define MCE_RP2_PLL_SYS 0x40028000u
#define MCE_RP2_IO_BANK0 0x40014000u
#define MCE_RP2_PADS_BANK0 0x4001C000u
#define MCE_RP2_UART0 0x40034000u
#define MCE_RP2_RESET_IO (1u << 5)
#define MCE_RP2_RESET_PADS (1u << 8)
#define MCE_RP2_RESET_PLL (1u << 12)
#define MCE_RP2_RESET_UART (1u << 22)
#define MCE_RP2_PLL_MULTIPLY 133u /* 12 MHz * 133 = 1,596 MHz, / 6 / 2 = 133 MHz */
#define MCE_RP2_PLL_DIVIDE1 6u
#define MCE_RP2_PLL_DIVIDE2 2u
#include "rp2.h"

void mce_port_init(void)
{
    mce_rp2_clock_init();
    mce_rp2_uart_init();
    mce_systick_init();
}
