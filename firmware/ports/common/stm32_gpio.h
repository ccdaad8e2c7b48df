/* GPIO of STM32F4, L4+ and H7: a pin becomes the line of a peripheral.
 * Registers: RM0390 (STM32F446), RM0432 (STM32L4+), RM0433 (STM32H743), chapter GPIO; the same offsets in all three. */
#ifndef MCE_STM32_GPIO_H
#define MCE_STM32_GPIO_H

#include "await.h"
#include "mce_board.h"

/* Pin 0 to 15 of the port at `gpio`: alternate function 0 to 15, push-pull, medium speed, pulled up, so that an open
 * receive line reads as idle. */
static inline void mce_stm32_pin(uint32_t gpio, uint32_t pin, uint32_t function)
{
    const uint32_t moder = gpio + 0x00u, otyper = gpio + 0x04u, ospeedr = gpio + 0x08u, pupdr = gpio + 0x0Cu;
    const uint32_t afr = gpio + 0x20u + 4u * (pin / 8u); /* AFRL, AFRH */
    const uint32_t pair = 2u * pin, nibble = 4u * (pin % 8u);
    mce_set_field(afr, 0xFu << nibble, function << nibble);
    mce_set_field(otyper, 1u << pin, 0);
    mce_set_field(ospeedr, 3u << pair, 1u << pair);
    mce_set_field(pupdr, 3u << pair, 1u << pair);
    mce_set_field(moder, 3u << pair, 2u << pair); /* last: the line changes hands when all else is set */
}

/* BSRR: a one in the lower half sets the pin, in the upper half resets it. */
static inline void mce_stm32_drive(uint32_t gpio, uint32_t pin, bool high)
{ MCE_REG(gpio + 0x18u) = 1u << (high ? pin : pin + 16u); }

/* Pin 0 to 15 as a push-pull output, high from the start. */
static inline void mce_stm32_output(uint32_t gpio, uint32_t pin)
{
    mce_stm32_drive(gpio, pin, true);
    mce_set_field(gpio + 0x04u, 1u << pin, 0);               /* OTYPER */
    mce_set_field(gpio, 3u << (2u * pin), 1u << (2u * pin)); /* MODER, last */
}

/* mce_port_mark_time of a board whose timestamp pin is this one. */
static inline void mce_stm32_mark_time(uint32_t gpio, uint32_t pin)
{
    const uint64_t since = mce_port_cycles();
    mce_stm32_drive(gpio, pin, false);
    while (mce_port_cycles() - since < MCE_BOARD_CLOCK_HZ / 1000u) {}
    mce_stm32_drive(gpio, pin, true);
}

#endif
