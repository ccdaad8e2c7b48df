/* Text to the host. */
#ifndef MCE_SAY_H
#define MCE_SAY_H

#include "mce_device.h"
#include "mixcomp/port.h"

static inline void mce_say(const char *text)
{
    while (*text != '\0') {
        mce_port_put((uint8_t)*text++);
    }
}

/* The line m-results-[...] of the last output. SPEC.md 8.2 */
void mce_say_results(const mce_app_model *model);

#endif
