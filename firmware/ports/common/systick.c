/* mce_port_cycles by SysTick, which every Cortex-M of ours but nRF51's has: 24 bits down, extended by its exception.
 * Arm DDI 0403E (Armv7-M ARM) B3.3; the same registers in Armv6-M and Armv8-M. Unlike DWT's counter it runs on in sleep. */
#include "systick.h"

#include "mixcomp/port.h"

#define SYST_CSR MCE_REG(0xE000E010u)
#define SYST_RVR MCE_REG(0xE000E014u)
#define SYST_CVR MCE_REG(0xE000E018u)
#define ICSR MCE_REG(0xE000ED04u) /* 26 PENDSTSET: the exception is pending. B3.2.4 */
#define RELOAD 0x00FFFFFFu

static volatile uint32_t wraps; /* of 2^24 cycles */

void mce_port_tick_irq(void)
{ wraps++; }

void mce_systick_init(void)
{
    SYST_RVR = RELOAD;
    SYST_CVR = 0;
    SYST_CSR = 7;            /* the core's clock, with exception, on */
    while (SYST_CVR == 0) {} /* ends with the next clock, which loads it */
}

/* Time is RELOAD - counter: 0 is the last cycle before the wrap. So nothing goes back where the counter stands at 0 until
 * the exception is served, as it does in QEMU on a busy machine. */
uint64_t mce_port_cycles(void)
{
    uint32_t before, count;
    do { /* again when the counter wrapped between the readings: counted, or about to be (interrupts are on: port.h) */
        before = wraps;
        count = RELOAD - SYST_CVR;
    } while ((ICSR & 1u << 26) != 0 || before != wraps);
    return ((uint64_t)before << 24) + count;
}
