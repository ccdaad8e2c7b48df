/* The firmware around an exported model: bytes come by interrupt into a ring, and the protocol takes them from there. */
#include "mce_app_hook.h"
#include "mce_device.h"
#include "mce_sleep.h"
#include "mixcomp/port.h"

#define RING_BYTES 512u /* a power of two above the longest frame; the host sends one and waits */

extern const mce_app_model mce_app;

static volatile uint8_t ring[RING_BYTES];
static volatile uint32_t written; /* by the interrupt */
static volatile uint32_t taken;   /* by the loop */
static volatile uint32_t lost;    /* by the interrupt, when the ring is full */

static mce_device device;

void mce_port_received(uint8_t byte)
{
    const uint32_t at = written;
    if (at - taken == RING_BYTES) {
        lost++;
        return;
    }
    ring[at % RING_BYTES] = byte;
    written = at + 1;
}

/* Sleeps until a byte is there. Interrupts are off between the look and WFI, which one that waits still ends. */
static void sleep_until_byte(void)
{
    for (;;) {
        __asm__ volatile(MCE_OFF ::: "memory");
        if (written != taken) {
            break;
        }
        __asm__ volatile(MCE_SLEEP ::: "memory");
        __asm__ volatile(MCE_ON_AT_ONCE ::: "memory");
    }
    __asm__ volatile(MCE_ON ::: "memory");
}

int32_t mce_app_wait(void)
{
    sleep_until_byte();
    const uint32_t at = taken;
    const uint8_t byte = ring[at % RING_BYTES];
    taken = at + 1;
    device.lost = lost;
    return byte;
}

void mce_app_layer(int index, const void *output)
{ mce_exact_layer(&device, (uint32_t)index, output); }

int main(void)
{
    device.model = &mce_app;
    mce_port_init();
    mce_text_boot(&device);
    for (;;) {
        mce_device_take(&device, (uint8_t)mce_app_wait());
    }
}
