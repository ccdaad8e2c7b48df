/* Raspberry Pi Pico 2: RP2350 at 150 MHz, its first Arm core (Cortex-M33); UART 0 on GP0 (pin 1, transmit) and GP1 (pin
 * 2, receive), where the Raspberry Pi Debug Probe and any 3.3 V USB-serial cable go. The flash runs in quad I/O at a
 * third of the core's clock, as the ROM leaves it. Addresses: RP2350 datasheet 2.2; reset bits: 7.5.3. */
#include "mce_board.h"
#include "systick.h"

#define MCE_RP2_RESETS 0x40020000u
#define MCE_RP2_CLOCKS 0x40010000u
#define MCE_RP2_XOSC 0x40048000u
#define MCE_RP2_PLL_SYS 0x40050000u
#define MCE_RP2_IO_BANK0 0x40028000u
#define MCE_RP2_PADS_BANK0 0x40038000u
#define MCE_RP2_UART0 0x40070000u
#define MCE_RP2_RESET_IO (1u << 6)
#define MCE_RP2_RESET_PADS (1u << 9)
#define MCE_RP2_RESET_PLL (1u << 14)
#define MCE_RP2_RESET_UART (1u << 26)
#define MCE_RP2_PLL_MULTIPLY 125u /* 12 MHz * 125 = 1,500 MHz, / 5 / 2 = 150 MHz */
#define MCE_RP2_PLL_DIVIDE1 5u
#define MCE_RP2_PLL_DIVIDE2 2u
#include "rp2.h"

extern const uint32_t mce__vectors[]; /* link.ld */

/* Tells the ROM that this flash holds a program: an image definition block. RP2350 datasheet 5.9. */
__attribute__((used, section(".image_def"))) static const struct {
    uint32_t start, image_type, vector_item;
    const uint32_t *vectors;
    uint32_t last_item, next, end;
} image_def = {
    0xFFFFDED3u, 0x10210142u,  /* an executable for RP2350's Arm cores, secure */
    0x00000203u, mce__vectors, /* where its vector table lies */
    0x000003FFu,               /* the items above have three words */
    0x00000000u,               /* the only block: it follows itself */
    0xAB123579u,
};

void mce_port_init(void)
{
    mce_rp2_clock_init();
    mce_rp2_uart_init();
    mce_systick_init();
}
