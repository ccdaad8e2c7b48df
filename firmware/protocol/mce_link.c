#include "mce_link.h"

#include "mce_crc32.h"

enum { TEXT = 0, SECOND, BODY, SKIP }; /* zero first: the state at reset */

#define OPEN_1 0xF0u
#define OPEN_2 0xF1u

static mce_event open_frame(mce_link *link, uint8_t byte)
{
    link->text_length = 0; /* half a command before a frame is noise */
    link->length = 0;
    link->block = 0;
    link->zero_next = 0;
    link->state = byte == OPEN_1 ? SECOND : SKIP;
    return MCE_EVENT_NONE;
}

static mce_event take_text(mce_link *link, uint8_t byte)
{
    if (byte == '%') {
        link->text[link->text_length] = '\0';
        link->text_length = 0;
        return MCE_EVENT_TEXT;
    }
    if (byte >= ' ' && link->text_length < MCE_TEXT_BYTES) { /* line ends and what is too long fall away */
        link->text[link->text_length++] = (char)byte;
    }
    return MCE_EVENT_NONE;
}

static mce_event end_frame(mce_link *link)
{
    const int whole = link->state == BODY && link->block == 0 && link->length >= MCE_FRAME_HEAD + 4u;
    link->state = TEXT;
    if (!whole) {
        return MCE_EVENT_BAD;
    }
    link->length -= 4;
    return mce_crc32(0, link->body, link->length) == mce_get_u32(link->body + link->length) ? MCE_EVENT_FRAME
                                                                                            : MCE_EVENT_BAD;
}

static void append(mce_link *link, uint8_t byte)
{
    if (link->length == MCE_BODY_BYTES) {
        link->state = SKIP;
        return;
    }
    link->body[link->length++] = byte;
}

/* A COBS block is a count n and n - 1 bytes that are not zero; a zero follows it unless n = 255 or it is the last. */
static void take_body(mce_link *link, uint8_t byte)
{
    if (link->block != 0) {
        link->block--;
        append(link, byte);
        return;
    }
    if (link->zero_next) {
        append(link, 0);
    }
    link->block = (uint8_t)(byte - 1);
    link->zero_next = byte != 0xFF;
}

mce_event mce_link_take(mce_link *link, uint8_t byte)
{
    if (link->state == TEXT) {
        return byte >= 0x80 ? open_frame(link, byte) : take_text(link, byte);
    }
    if (byte == 0) {
        return end_frame(link);
    }
    if (link->state == SECOND) {
        link->state = byte == OPEN_2 ? BODY : SKIP;
    } else if (link->state == BODY) {
        take_body(link, byte);
    }
    return MCE_EVENT_NONE;
}

void mce_link_send(uint8_t *body, uint32_t length, void (*put)(uint8_t byte))
{
    mce_put_u32(body + length, mce_crc32(0, body, length));
    length += 4;
    put(OPEN_1);
    put(OPEN_2);
    for (uint32_t start = 0; start <= length;) {
        uint32_t count = 0; /* of the block: up to the next zero, the end, or 254 */
        while (start + count < length && body[start + count] != 0 && count < 254) {
            count++;
        }
        put((uint8_t)(count + 1));
        for (uint32_t i = 0; i < count; i++) {
            put(body[start + i]);
        }
        start += count;
        if (count == 254) {
            if (start == length) {
                break; /* a full block needs no empty one behind it */
            }
        } else {
            start++; /* the zero, or one past the end */
        }
    }
    put(0);
}
