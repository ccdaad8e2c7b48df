/* The exact commands: input and output to the bit, checksum and cycles of every layer. SPEC.md 8.3 */
#include <stddef.h>

#include "mce_board.h"
#include "mce_crc32.h"
#include "mce_device.h"
#include "mixcomp/port.h"

enum { HELLO = 1, WRITE = 2, RUN = 3, STEP = 4, READ = 5, STATUS = 6, SELF_TEST = 7 };
enum { REPLY = 0x80, BUSY = 0xFE, ERROR = 0xFF };
enum { E_UNKNOWN = 1, E_LENGTH = 2, E_RANGE = 3, E_INPUT = 4, E_NOT_STOPPED = 5 };
enum { OUTPUT = 0, RECORDS = 1, LAYER = 2 };
enum { IDLE = 0, DONE = 1, STOPPED = 2 }; /* of mce_run */

#define PROTOCOL_VERSION 1u

static void send(mce_device *device, uint32_t type, uint32_t sequence, uint32_t payload_bytes)
{
    uint8_t *const body = device->link.body;
    body[0] = (uint8_t)type;
    mce_put_u16(body + 1, sequence);
    mce_link_send(body, MCE_FRAME_HEAD + payload_bytes, mce_port_put);
}

static void refuse(mce_device *device, uint8_t why)
{
    device->link.body[MCE_FRAME_HEAD] = why;
    send(device, ERROR, mce_get_u16(device->link.body + 1), 1);
}

/* A string as its length and its bytes, at most 40. */
static uint8_t *put_string(uint8_t *to, const char *text)
{
    uint8_t *const length = to++;
    *length = 0;
    while (text[*length] != '\0' && *length < 40) {
        *to++ = (uint8_t)text[(*length)++];
    }
    return to;
}

static uint32_t hello(const mce_app_model *model, uint8_t *to)
{
    uint8_t *const start = to;
    *to++ = PROTOCOL_VERSION;
    *to++ = 0;
    mce_put_u16(to, MCE_DATA_BYTES);
    mce_put_u16(to + 2, model->layers);
    mce_put_u16(to + 4, 0);
    to += 6;
    const uint32_t words[] = {MCE_BOARD_CLOCK_HZ, model->arena_bytes, model->input_bytes, model->output_bytes};
    for (uint32_t i = 0; i < 4; i++, to += 4) {
        mce_put_u32(to, words[i]);
    }
    __builtin_memcpy(to, model->sha256, 32);
    __builtin_memcpy(to + 32, model->build_id, 8);
    to += 40;
    const char *const strings[] = {model->name, MCE_BOARD_NAME, MCE_BOARD_CORE, __VERSION__};
    for (uint32_t i = 0; i < 4; i++) {
        to = put_string(to, strings[i]);
    }
    return (uint32_t)(to - start);
}

static void answer_run(mce_device *device)
{
    const mce_run *const run = &device->run;
    uint8_t *const to = device->link.body + MCE_FRAME_HEAD;
    to[0] = (uint8_t)run->state;
    to[1] = (uint8_t)run->status;
    mce_put_u16(to + 2, run->layer);
    mce_put_u32(to + 4, run->input_crc);
    mce_put_u32(to + 8, run->output_crc);
    mce_put_u32(to + 12, (uint32_t)run->cycles);
    mce_put_u32(to + 16, (uint32_t)(run->cycles >> 32));
    send(device, run->request | REPLY, run->sequence, 20);
}

/* The runner's input may lie in the arena, and is gone when something else goes there. */
static void forget_text_input(mce_device *device)
{ device->converted = device->loaded = device->loading = 0; }

static void run_model(mce_device *device, uint32_t input_crc, uint32_t stop)
{
    const mce_app_model *const model = device->model;
    mce_run *const run = &device->run;
    uint8_t *const in = model->arena + model->input_offset, *const out = model->arena + model->output_offset;
    if (mce_crc32(0, in, model->input_bytes) != input_crc) {
        refuse(device, E_INPUT);
        return;
    }
    const uint32_t sequence = mce_get_u16(device->link.body + 1);
    *run = (mce_run){.active = 1, .stop = stop, .request = RUN, .sequence = sequence, .input_crc = input_crc};
    run->told = run->since = mce_port_cycles();
    forget_text_input(device);
    run->status = (uint32_t)model->run(model->arena, in, out);
    run->active = 0;
    if (device->pending != MCE_EVENT_NONE) {
        run->state = IDLE; /* the host has turned to something else */
        return;
    }
    run->state = DONE;
    run->layer = model->layers;
    run->output_crc = mce_crc32(0, out, model->output_bytes);
    answer_run(device);
}

static void read_memory(mce_device *device, const uint8_t *stopped, uint32_t stopped_bytes)
{
    const mce_app_model *const model = device->model;
    uint8_t *const payload = device->link.body + MCE_FRAME_HEAD;
    const uint32_t region = payload[0], offset = mce_get_u32(payload + 1), length = mce_get_u16(payload + 5);
    const uint8_t *from = stopped;
    uint32_t bytes = stopped_bytes;
    if (region == OUTPUT) {
        from = model->arena + model->output_offset;
        bytes = model->output_bytes;
    } else if (region == RECORDS) {
        from = NULL;
        bytes = model->layers * 8u;
    } else if (region != LAYER) {
        refuse(device, E_RANGE);
        return;
    }
    if (region == LAYER && stopped == NULL) {
        refuse(device, E_NOT_STOPPED);
        return;
    }
    if (length > MCE_DATA_BYTES || length > bytes || offset > bytes - length) {
        refuse(device, E_RANGE);
        return;
    }
    if (from != NULL) {
        __builtin_memcpy(payload, from + offset, length);
    }
    for (uint32_t i = 0; region == RECORDS && i < length; i++) { /* little endian, whatever the host's order */
        const mce_record *const record = &model->records[(offset + i) / 8];
        const uint32_t at = (offset + i) % 8;
        payload[i] = (uint8_t)((at < 4 ? record->crc : record->cycles) >> (8 * (at % 4)));
    }
    send(device, READ | REPLY, mce_get_u16(device->link.body + 1), length);
}

static uint32_t status(const mce_device *device, uint8_t *to)
{
    const uint32_t words[] = {mce_port_stack_bytes(), mce_port_stack_used(), device->lost, device->bad, device->good};
    for (uint32_t i = 0; i < 5; i++) {
        mce_put_u32(to + 4 * i, words[i]);
    }
    return 20;
}

/* Runs the built-in golden vector: bytes compared, bytes wrong, the first wrong one, expected, got. */
static uint32_t self_test(const mce_app_model *model, uint8_t *to)
{
    uint8_t *const in = model->arena + model->input_offset, *const out = model->arena + model->output_offset;
    __builtin_memcpy(in, model->golden_input, model->input_bytes);
    const mce_status result = model->run(model->arena, in, out);
    uint32_t wrong = 0, first = 0;
    for (uint32_t i = model->output_bytes; i-- > 0;) {
        if (out[i] != model->golden_output[i]) {
            wrong++;
            first = i;
        }
    }
    to[0] = (uint8_t)result;
    mce_put_u32(to + 1, model->output_bytes);
    mce_put_u32(to + 5, wrong);
    mce_put_u32(to + 9, first);
    to[13] = model->golden_output[first];
    to[14] = out[first];
    return 15;
}

/* Bytes that a request's payload has; WRITE has its offset and any number of bytes. */
static int length_fits(uint32_t type, uint32_t length)
{
    switch (type) {
    case WRITE:
        return length >= 4;
    case RUN:
        return length == 6;
    case STEP:
        return length == 2;
    case READ:
        return length == 7;
    default:
        return length == 0;
    }
}

static void command(mce_device *device)
{
    const mce_app_model *const model = device->model;
    uint8_t *const payload = device->link.body + MCE_FRAME_HEAD;
    const uint32_t type = device->link.body[0], sequence = mce_get_u16(device->link.body + 1);
    const uint32_t length = device->link.length - MCE_FRAME_HEAD;
    device->good++;
    if (type < HELLO || type > SELF_TEST) {
        refuse(device, E_UNKNOWN);
        return;
    }
    if (!length_fits(type, length)) {
        refuse(device, E_LENGTH);
        return;
    }
    if ((type == RUN || type == STEP) && device->run.state == DONE && device->run.sequence == sequence) {
        answer_run(device); /* the answer was lost; a second run would have no input */
        return;
    }
    const uint32_t reply = type | REPLY;
    switch (type) {
    case HELLO:
        send(device, reply, sequence, hello(model, payload));
        break;
    case WRITE: {
        const uint32_t offset = mce_get_u32(payload), count = length - 4;
        if (count > model->input_bytes || offset > model->input_bytes - count) {
            refuse(device, E_RANGE);
            break;
        }
        __builtin_memcpy(model->arena + model->input_offset + offset, payload + 4, count);
        device->run.state = IDLE; /* its output may be gone */
        forget_text_input(device);
        send(device, reply, sequence, 0);
        break;
    }
    case RUN:
        run_model(device, mce_get_u32(payload), mce_get_u16(payload + 4));
        break;
    case STEP:
        refuse(device, E_NOT_STOPPED);
        break;
    case READ:
        read_memory(device, NULL, 0);
        break;
    case STATUS:
        send(device, reply, sequence, status(device, payload));
        break;
    default:
        device->run.state = IDLE;
        forget_text_input(device);
        send(device, reply, sequence, self_test(model, payload));
        break;
    }
}

void mce_exact_command(mce_device *device)
{
    do {
        device->pending = MCE_EVENT_NONE;
        command(device);
    } while (device->pending == MCE_EVENT_FRAME);
}

/* The run stands still behind a layer, its output in place, until the host says STEP or turns to something else. */
static void stand_still(mce_device *device, uint32_t index, const uint8_t *output)
{
    mce_run *const run = &device->run;
    run->state = STOPPED;
    run->layer = index;
    answer_run(device);
    for (;;) {
        const int32_t byte = mce_app_wait();
        const mce_event event = byte < 0 ? MCE_EVENT_TEXT : mce_link_take(&device->link, (uint8_t)byte);
        if (event == MCE_EVENT_BAD) {
            device->bad++;
        }
        if (event != MCE_EVENT_FRAME && event != MCE_EVENT_TEXT) {
            continue;
        }
        const uint32_t type = device->link.body[0], sequence = mce_get_u16(device->link.body + 1);
        const uint32_t length = device->link.length - MCE_FRAME_HEAD;
        if (event == MCE_EVENT_FRAME && type == READ && length_fits(type, length)) {
            device->good++;
            read_memory(device, output, device->model->layer_bytes[index]);
        } else if (event == MCE_EVENT_FRAME && (type == RUN || type == STEP) && sequence == run->sequence) {
            answer_run(device);
        } else if (event == MCE_EVENT_FRAME && type == STEP && length_fits(type, length)) {
            device->good++;
            run->request = STEP;
            run->sequence = sequence;
            run->stop = mce_get_u16(device->link.body + MCE_FRAME_HEAD);
            break;
        } else {
            device->pending = byte < 0 ? MCE_EVENT_BAD : event;
            run->stop = MCE_NO_STOP;
            break;
        }
    }
    run->state = IDLE;
}

void mce_exact_layer(mce_device *device, uint32_t index, const uint8_t *output)
{
    mce_run *const run = &device->run;
    if (!run->active || index >= device->model->layers) {
        return;
    }
    const uint64_t now = mce_port_cycles(), spent = now - run->since;
    mce_record *const record = &device->model->records[index];
    record->cycles = spent > UINT32_MAX ? UINT32_MAX : (uint32_t)spent;
    record->crc = mce_crc32(0, output, device->model->layer_bytes[index]);
    run->cycles += spent;
    if (index == run->stop) {
        stand_still(device, index, output);
        run->told = mce_port_cycles();
    } else if (now - run->told > MCE_BOARD_CLOCK_HZ && device->pending == MCE_EVENT_NONE) {
        uint8_t body[MCE_FRAME_HEAD + 2 + 4] = {BUSY}; /* once a second: the run is alive */
        mce_put_u16(body + 1, run->sequence);
        mce_put_u16(body + MCE_FRAME_HEAD, index);
        mce_link_send(body, MCE_FRAME_HEAD + 2, mce_port_put);
        run->told = now;
    }
    run->since = mce_port_cycles();
}

void mce_device_take(mce_device *device, uint8_t byte)
{
    const mce_event event = mce_link_take(&device->link, byte);
    if (event == MCE_EVENT_FRAME) {
        mce_exact_command(device);
    } else if (event == MCE_EVENT_BAD) {
        device->bad++;
    }
    if (event == MCE_EVENT_TEXT || device->pending == MCE_EVENT_TEXT) {
        device->pending = MCE_EVENT_NONE;
        mce_text_command(device);
    }
}
