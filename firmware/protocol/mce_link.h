/* Bytes to commands and back: one UART carries text commands and binary frames. SPEC.md 8.1
 *
 * Outside a frame a byte below 0x80 is text, and '%' ends a command. A byte of 0x80 or above opens a frame, which lasts to
 * the next 0x00; nothing in between is read as text, whatever has happened to it on the way.
 *   frame = F0 F1 COBS(body) 00        body = type, sequence (u16), payload, CRC-32 of all before it (u32)
 * Integers are little endian. COBS leaves no 00 in what it encodes, so a lost or made-up byte costs the frames it touches
 * and no other. */
#ifndef MCE_LINK_H
#define MCE_LINK_H

#include <stdint.h>

#define MCE_TEXT_BYTES 80                      /* of a command, without '%' */
#define MCE_DATA_BYTES 256                     /* of a tensor in one frame */
#define MCE_FRAME_HEAD 3                       /* type, sequence */
#define MCE_PAYLOAD_BYTES (MCE_DATA_BYTES + 4) /* with its offset */
#define MCE_BODY_BYTES (MCE_FRAME_HEAD + MCE_PAYLOAD_BYTES + 4)

typedef enum mce_event {
    MCE_EVENT_NONE = 0,
    MCE_EVENT_TEXT,  /* a command lies in text, ended by '\0' */
    MCE_EVENT_FRAME, /* a frame lies in body; its payload has length - MCE_FRAME_HEAD bytes */
    MCE_EVENT_BAD    /* a frame came damaged and is gone */
} mce_event;

typedef struct mce_link {
    char text[MCE_TEXT_BYTES + 1];
    uint8_t body[MCE_BODY_BYTES];
    uint32_t text_length;
    uint32_t length; /* of body, without its CRC once the frame is complete */
    uint8_t state;
    uint8_t block;     /* bytes that are still to come in this COBS block */
    uint8_t zero_next; /* whether a zero follows this block */
} mce_link;

/* All zero is the state at reset. */
mce_event mce_link_take(mce_link *link, uint8_t byte);

/* Sends body[0..length), which has room for 4 more bytes: its CRC is written behind it. length <= MCE_BODY_BYTES - 4 */
void mce_link_send(uint8_t *body, uint32_t length, void (*put)(uint8_t byte));

static inline uint32_t mce_get_u16(const uint8_t *p)
{ return (uint32_t)p[0] | (uint32_t)p[1] << 8; }

static inline uint32_t mce_get_u32(const uint8_t *p)
{ return mce_get_u16(p) | mce_get_u16(p + 2) << 16; }

static inline float mce_get_float(const uint8_t *p)
{
    const uint32_t bits = mce_get_u32(p);
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void mce_put_u16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void mce_put_u32(uint8_t *p, uint32_t value)
{
    mce_put_u16(p, value);
    mce_put_u16(p + 2, value >> 16);
}

#endif
