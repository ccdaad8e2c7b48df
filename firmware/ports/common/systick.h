/* common/systick.c: a port that uses it calls mce_systick_init from mce_port_init, after it has set the clock. */
#ifndef MCE_SYSTICK_H
#define MCE_SYSTICK_H

void mce_systick_init(void);

#endif
