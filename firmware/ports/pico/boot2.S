/* Second stage of the RP2040's boot: the ROM copies these 256 bytes to the end of RAM, checks their CRC and runs them
 * (RP2040 datasheet 2.8.1.3). They put the flash, a Winbond W25Q16JV, and its interface, a Synopsys SSI, into quad I/O
 * continuous read, so that a cache miss costs 20 flash clocks instead of 64, and start the program behind them.
 * SSI registers: RP2040 datasheet 4.10.13; flash commands: W25Q16JV datasheet 8.1. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .equ SSI, 0x18000000
    .equ CTRLR0, 0x00           /* 8-9 mode, 16-20 bits of a frame - 1, 21-22 lanes: 0 one, 2 four */
    .equ CTRLR1, 0x04           /* frames to receive - 1 */
    .equ SSIENR, 0x08
    .equ SER, 0x10
    .equ BAUDR, 0x14
    .equ SR, 0x28               /* 0 busy, 2 nothing left to send */
    .equ DR0, 0x60
    .equ RX_SAMPLE_DLY, 0xF0
    .equ SPI_CTRLR0, 0xF4
    .equ ONE_LANE, 7 << 16                  /* send and receive bytes */
    .equ FOUR_LANES, 2 << 21 | 31 << 16 | 3 << 8  /* send command and address, receive words */
    /* 0-1 lanes of command and address, 2-5 address and mode in nibbles, 8-9 command length, 11-15 idle clocks, 24-31
     * byte that goes with each address */
    .equ FIRST_READ, 1 | 8 << 2 | 2 << 8 | 4 << 11           /* an 8-bit command on one lane, the rest on four */
    .equ NEXT_READS, 2 | 8 << 2 | 0 << 8 | 4 << 11 | 0xA0 << 24 /* no command, all on four; mode A0: as before */
    .equ VECTORS, 0x10000100
    .equ VTOR, 0xE000ED08

    .section .boot2, "ax"
    .global mce_boot2
    .thumb_func
mce_boot2:
    ldr r4, =SSI
    movs r5, #0
    movs r6, #1
    str r5, [r4, #SSIENR]
    movs r0, #2
    str r0, [r4, #BAUDR]        /* half the core's clock: 66.5 of the flash's 133 MHz */
    movs r0, #RX_SAMPLE_DLY
    str r6, [r4, r0]            /* sample one core clock later, when the data has arrived */
    str r6, [r4, #SER]
    ldr r0, =ONE_LANE
    str r0, [r4, #CTRLR0]
    str r6, [r4, #SSIENR]

    /* Quad reads need the flash's bit QE, bit 1 of status register 2. Pico's flash leaves the factory with it set;
     * where it is not, it is set in the volatile copy, which wears nothing out. */
    movs r0, #0x35              /* read status register 2 */
    movs r1, #0
    bl exchange
    movs r1, #2
    tst r0, r1
    bne quad
    movs r0, #0x50              /* write enable for the volatile status registers */
    bl command
    movs r0, #0x31              /* write status register 2 */
    movs r1, #2
    bl exchange
quad:
    str r5, [r4, #SSIENR]
    ldr r0, =FOUR_LANES
    str r0, [r4, #CTRLR0]
    str r5, [r4, #CTRLR1]
    ldr r7, =SSI + SPI_CTRLR0
    ldr r0, =FIRST_READ
    str r0, [r7]
    str r6, [r4, #SSIENR]
    movs r0, #0xEB              /* fast read quad I/O */
    str r0, [r4, #DR0]
    movs r0, #0xA0              /* address 0 and mode A0: the next read comes without a command */
    str r0, [r4, #DR0]
    bl settle
    str r5, [r4, #SSIENR]
    ldr r0, =NEXT_READS
    str r0, [r7]
    str r6, [r4, #SSIENR]

    ldr r0, =VECTORS
    ldr r1, =VTOR
    str r0, [r1]
    ldmia r0!, {r1, r2}
    msr msp, r1
    bx r2

/* Sends the bytes r0 and r1; r0 becomes what came with the second. */
exchange:
    mov r3, lr
    str r0, [r4, #DR0]
    str r1, [r4, #DR0]
    bl settle
    ldr r0, [r4, #DR0]
    ldr r0, [r4, #DR0]
    bx r3

/* Sends the byte r0. */
command:
    mov r3, lr
    str r0, [r4, #DR0]
    bl settle
    ldr r0, [r4, #DR0]
    bx r3

/* Until everything is sent and the interface rests: microseconds, as it drives the clock itself. Uses r0 to r2. */
settle:
    ldr r0, [r4, #SR]
    movs r1, #4
    tst r0, r1
    beq settle
    movs r1, #1
    tst r0, r1
    bne settle
    bx lr

    .ltorg
    .org 252                    /* an error here means that the code is too long */
    .word 0x695D89C6 /* CRC-32 of the 252 bytes: polynomial 0x04C11DB7, from ones, not reflected, not inverted. After a
                      * change `pytest tests/firmware/ports` says the new one. */
