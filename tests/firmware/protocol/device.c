/* firmware/protocol on this machine, around a model of three layers that a test can compute by hand. A library for the
 * Python tests, and with MCE_FUZZ a target for libFuzzer. */
#define _XOPEN_SOURCE 700
#include <stddef.h>
#include <string.h>
#ifndef MCE_FUZZ
#include <ucontext.h>
#endif

#include "mce_board.h"
#include "mce_crc32.h"
#include "mce_device.h"
#include "mce_number.h"
#include "mixcomp/port.h"

#ifdef MCE_FUZZ
#define INPUTS 24 /* few: the fuzzer's time belongs to the parser */
#else
#define INPUTS 300 /* more than one frame carries */
#endif
#define OUTPUTS 4

static mce_device device;
static uint32_t arena[(INPUTS + OUTPUTS + 3) / 4];
static uint8_t text_buffer[5 * INPUTS];
static mce_record records[3];
static uint64_t now;
static uint32_t marks;
static uint32_t runs_left; /* a model that refuses in the end: "infer 4000000000" need not be waited for */

static const uint8_t *coming;
static uint32_t left;
static uint8_t said[1 << 20];
static uint32_t said_bytes;

void mce_port_put(uint8_t byte)
{
    if (said_bytes < sizeof said) {
        said[said_bytes++] = byte;
    }
}

/* Microseconds from one look at the clock to the next: 0.4 s, so that a run of three layers tells that it is alive. */
static uint32_t tick = 400000;

uint64_t mce_port_cycles(void)
{ return now += tick; }

void test_tick(uint32_t microseconds);
void test_tick(uint32_t microseconds)
{ tick = microseconds; }

uint32_t mce_port_stack_bytes(void)
{ return 2048; }

uint32_t mce_port_stack_used(void)
{ return 100; }

#ifndef MCE_FUZZ
/* The firmware's loop has a stack of its own: where it waits for a byte, the test goes on. */
static ucontext_t test, firmware;
static uint8_t firmware_stack[1 << 18];
#endif

int32_t mce_app_wait(void)
{
#ifndef MCE_FUZZ
    while (left == 0) {
        swapcontext(&firmware, &test);
    }
#else
    if (left == 0) {
        return -1;
    }
#endif
    left--;
    return *coming++;
}

/* y[i] = sum of x[j], j = i mod 4, in three layers: x in place, x + 1 in place, the sums. */
static mce_status run(void *memory, const void *in, void *out)
{
    if (runs_left == 0) {
        return MCE_ERR_NULL;
    }
    runs_left--;
    uint8_t *const a = memory, *const y = out;
    memmove(a, in, INPUTS);
    mce_exact_layer(&device, 0, a);
    for (int i = 0; i < INPUTS; i++) {
        a[i]++;
    }
    mce_exact_layer(&device, 1, a);
    memset(y, 0, OUTPUTS);
    for (int i = 0; i < INPUTS; i++) {
        y[i % OUTPUTS] = (uint8_t)(y[i % OUTPUTS] + a[i]);
    }
    mce_exact_layer(&device, 2, y);
    return MCE_OK;
}

static const uint32_t layer_bytes[3] = {INPUTS, INPUTS, OUTPUTS};
static const uint8_t golden_input[INPUTS] = {0};
static const uint8_t golden_output[OUTPUTS] = {INPUTS / 4, INPUTS / 4, INPUTS / 4, INPUTS / 4};
static const uint8_t sha256[32] = {1, 2, 3};
static const uint8_t build_id[8] = {9, 8, 7};

static mce_app_model model = {
    .name = "sums",
    .vendor = "mixcomp-edge",
    .profile = "ic01",
    .sha256 = sha256,
    .build_id = build_id,
    .run = run,
    .arena = (uint8_t *)arena,
    .arena_bytes = sizeof arena,
    .input_offset = 0,
    .input_bytes = INPUTS,
    .output_offset = INPUTS,
    .output_bytes = OUTPUTS,
    .layers = 3,
    .layer_bytes = layer_bytes,
    .records = records,
    .text_buffer = text_buffer,
    .text_bytes = INPUTS,
    .input_scale = 0.5f,
    .input_zero = 3,
    .output_scale = 0.25f,
    .output_zero = 75,
    .golden_input = golden_input,
    .golden_output = golden_output,
};

#ifndef MCE_FUZZ
/* The output as classes: its codes signed or not, and the table of SPEC.md 4.11. */
void test_classes(const uint16_t *exponentials, int is_signed);
void test_classes(const uint16_t *exponentials, int is_signed)
{
    model.exponentials = exponentials;
    model.output_signed = is_signed;
}

static void mark_time(void)
{ marks++; }

void test_energy(void);
void test_energy(void)
{ model.mark_time = mark_time; }

/* How often the timestamp pin was pulled. */
uint32_t test_marks(void);
uint32_t test_marks(void)
{ return marks; }

static void loop(void)
{
    for (;;) {
        mce_device_take(&device, (uint8_t)mce_app_wait());
    }
}
#endif

/* As after reset. kind: 0 bytes as they are, 1 float32 input and the error as result, 2 the input in the arena. */
void test_reset(int kind);
void test_reset(int kind)
{
    memset(&device, 0, sizeof device);
    memset(arena, 0, sizeof arena);
    now = 0;
    runs_left = 1000;
    model.text_input = kind == 1 ? MCE_TEXT_FLOATS : MCE_TEXT_BYTES_MAPPED;
    model.text_bytes = kind == 1 ? 4 * INPUTS : INPUTS;
    model.text_buffer = kind == 2 ? (uint8_t *)arena : text_buffer;
    model.reconstruction = kind == 1;
    model.exponentials = NULL;
    model.output_signed = 0;
    model.mark_time = NULL;
    marks = 0;
    device.model = &model;
    left = 0;
#ifndef MCE_FUZZ
    getcontext(&firmware);
    firmware.uc_stack.ss_sp = firmware_stack;
    firmware.uc_stack.ss_size = sizeof firmware_stack;
    firmware.uc_link = NULL;
    makecontext(&firmware, loop, 0);
#endif
}

/* What the board says first. Returns the bytes said. */
uint32_t test_boot(void);
uint32_t test_boot(void)
{
    said_bytes = 0;
    mce_text_boot(&device);
    return said_bytes;
}

/* Lets the board take count bytes; what it says is in test_said until the next call. Returns the bytes said. */
uint32_t test_feed(const uint8_t *bytes, uint32_t count);
uint32_t test_feed(const uint8_t *bytes, uint32_t count)
{
    coming = bytes;
    left = count;
    said_bytes = 0;
#ifndef MCE_FUZZ
    swapcontext(&test, &firmware);
#else
    while (left > 0) {
        left--;
        mce_device_take(&device, *coming++);
    }
#endif
    return said_bytes;
}

const uint8_t *test_said(void);
const uint8_t *test_said(void)
{ return said; }

/* One byte through a link of its own: the event, and what it holds. */
int test_take(mce_link *link, uint8_t byte, const uint8_t **content, uint32_t *length);
int test_take(mce_link *link, uint8_t byte, const uint8_t **content, uint32_t *length)
{
    const mce_event event = mce_link_take(link, byte);
    *content = event == MCE_EVENT_TEXT ? (const uint8_t *)link->text : link->body;
    *length = event == MCE_EVENT_TEXT ? (uint32_t)strlen(link->text) : link->length;
    return (int)event;
}

uint32_t test_link_bytes(void);
uint32_t test_link_bytes(void)
{ return sizeof(mce_link); }

uint32_t test_send(const uint8_t *body, uint32_t length);
uint32_t test_send(const uint8_t *body, uint32_t length)
{
    uint8_t room[MCE_BODY_BYTES];
    memcpy(room, body, length);
    said_bytes = 0;
    mce_link_send(room, length, mce_port_put);
    return said_bytes;
}

const char *test_milli(float value, char *digits);
const char *test_milli(float value, char *digits)
{ return mce_milli_text(value, digits); }

int test_input_code(float x, float scale, int zero);
int test_input_code(float x, float scale, int zero)
{ return mce_input_code(x, scale, zero); }

#ifdef MCE_FUZZ
/* Input: a byte that chooses the model and the mode; then bytes as they come, or, where they would never find a checksum,
 * messages: how many raw bytes come first (0 to 3), type, sequence (two values), payload length, payload. */
static uint32_t messages(const uint8_t *data, size_t size, uint8_t *stream)
{
    uint32_t count = 0;
    while (size >= 4 && count + 2 * MCE_BODY_BYTES < 4096) {
        uint8_t body[MCE_BODY_BYTES] = {data[1], (uint8_t)(data[0] >> 7), 0};
        size_t raw = data[0] & 3u, payload = data[2] + ((data[0] & 4u) != 0 ? data[3] % 6u : 0u);
        data += 4;
        size -= 4;
        for (; raw > 0 && size > 0; raw--, size--) {
            stream[count++] = *data++;
        }
        payload = payload < size ? payload : size;
        payload = payload < MCE_PAYLOAD_BYTES ? payload : MCE_PAYLOAD_BYTES;
        memcpy(body + MCE_FRAME_HEAD, data, payload);
        if (body[0] == 3 && payload == 6) { /* the input that is there, so that it runs */
            mce_put_u32(body + MCE_FRAME_HEAD, mce_crc32(0, (const uint8_t *)arena, INPUTS));
        }
        data += payload;
        size -= payload;
        said_bytes = 0;
        mce_link_send(body, MCE_FRAME_HEAD + (uint32_t)payload, mce_port_put);
        memcpy(stream + count, said, said_bytes);
        count += said_bytes;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t stream[4096];
    if (size == 0) {
        return 0;
    }
    test_reset(data[0] % 3);
    runs_left = 4;
    if ((data[0] & 0x80u) != 0) {
        const uint32_t count = messages(data + 1, size - 1, stream);
        (void)test_feed(stream, count);
    } else {
        (void)test_feed(data + 1, (uint32_t)(size - 1));
    }
    return 0;
}
#endif
