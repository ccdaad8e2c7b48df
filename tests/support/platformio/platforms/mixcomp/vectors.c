/* Where the core begins; semihosting's _start makes a stack of its own. */
extern void _start(void);
extern const void *const vectors[];
__attribute__((used, section(".vectors"))) const void *const vectors[] = {(void *)0x00400000, (void *)_start};
