/* MLPerf Tiny's commands, so that the public benchmark runner can drive this firmware. SPEC.md 8.2 */
#include <stddef.h>

#include "mce_board.h"
#include "mce_device.h"
#include "mce_number.h"
#include "mce_say.h"
#include "mixcomp/port.h"

#define WARMUP 10u /* inferences before the timed ones, when the host does not say */

static void say_integer(uint64_t value)
{
    char digits[MCE_NUMBER_BYTES];
    mce_say(mce_integer_text(value, digits));
}

static void say_hex(uint8_t byte)
{
    mce_port_put((uint8_t)"0123456789abcdef"[byte >> 4]);
    mce_port_put((uint8_t)"0123456789abcdef"[byte & 15]);
}

/* before, value, after and the end of the line */
static void say_line(const char *before, uint64_t value, const char *after)
{
    mce_say(before);
    say_integer(value);
    mce_say(after);
    mce_say("\r\n");
}

static void say_time(const mce_app_model *model)
{
    if (model->mark_time != NULL) {
        model->mark_time();
        return;
    }
    const uint64_t cycles = mce_port_cycles();
    const uint64_t seconds = cycles / MCE_BOARD_CLOCK_HZ, rest = cycles % MCE_BOARD_CLOCK_HZ;
    say_line("m-lap-us-", seconds * 1000000u + rest * 1000000u / MCE_BOARD_CLOCK_HZ, "");
}

void mce_text_boot(mce_device *device)
{
    const mce_app_model *const model = device->model;
    mce_say(model->mark_time != NULL ? "m-timestamp-mode-energy\r\n" : "m-timestamp-mode-performance\r\n");
    say_time(model);
    mce_say("m-init-done\r\nm-ready\r\n");
}

/* The next word of *text, ended by '\0'; NULL when there is none. */
static char *next_word(char **text)
{
    char *word = *text;
    while (*word == ' ') {
        word++;
    }
    if (*word == '\0') {
        *text = word;
        return NULL;
    }
    char *end = word;
    while (*end != ' ' && *end != '\0') {
        end++;
    }
    *text = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

static int is_word(const char *word, const char *what)
{
    while (*word != '\0' && *word == *what) {
        word++;
        what++;
    }
    return *word == *what;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void db_load(mce_device *device, const char *count)
{
    const uint32_t bytes = count == NULL ? 0 : mce_integer(count);
    device->loading = device->loaded = device->converted = 0; /* no input, rather than the one before */
    if (bytes == 0) {
        mce_say("e-[Command 'db load' needs a number of bytes above 0]\r\n");
    } else if (bytes != device->model->text_bytes) {
        mce_say("e-[An input has ");
        say_integer(device->model->text_bytes);
        say_line(" bytes, not ", bytes, "]");
    } else {
        device->loading = bytes;
        device->run.state = 0; /* its output may be gone */
        say_line("m-[Expecting ", bytes, " bytes]");
    }
}

static void db_bytes(mce_device *device, const char *digits)
{
    uint32_t count = 0;
    while (digits[count] != '\0') {
        count++;
    }
    if (count % 2 != 0) {
        mce_say("e-[Insufficent number of hex digits]\r\n");
        return;
    }
    if (device->loading == 0) {
        mce_say("e-[Command 'db load' comes first]\r\n");
        return;
    }
    for (; *digits != '\0'; digits += 2) {
        const int high = hex_digit(digits[0]), low = hex_digit(digits[1]);
        if (high < 0 || low < 0) {
            mce_say("e-[Invalid hex digit in '");
            mce_port_put((uint8_t)digits[0]);
            mce_port_put((uint8_t)digits[1]);
            mce_say("']\r\n");
            return;
        }
        if (device->loaded == device->loading) { /* what comes after the last byte falls away */
            return;
        }
        device->model->text_buffer[device->loaded++] = (uint8_t)(high * 16 + low);
        if (device->loaded == device->loading) {
            mce_say("m-load-done\r\n");
            return;
        }
    }
}

static void db_print(const mce_device *device)
{
    for (uint32_t i = 0; i < device->loading; i++) {
        mce_say(i % 8 == 0 ? "m-buffer-" : "-");
        say_hex(device->model->text_buffer[i]);
        if (i % 8 == 7 || i + 1 == device->loading) {
            mce_say("\r\n");
        }
    }
}

static void db(mce_device *device, char *arguments)
{
    char *const word = next_word(&arguments);
    if (word == NULL) {
        mce_say("e-[Command 'db' needs load, print or hex digits]\r\n");
    } else if (is_word(word, "load")) {
        db_load(device, next_word(&arguments));
    } else if (is_word(word, "print")) {
        db_print(device);
    } else {
        db_bytes(device, word);
    }
}

/* The runner's input as the model's codes; returns where they lie. SPEC.md 6 */
static const uint8_t *convert(mce_device *device)
{
    const mce_app_model *const model = device->model;
    uint8_t *const text = model->text_buffer;
    const int floats = model->text_input == MCE_TEXT_FLOATS;
    uint8_t *const codes = floats ? text + model->text_bytes : text;
    if (device->converted) {
        return codes;
    }
    for (uint32_t i = 0; i < model->input_bytes; i++) {
        if (floats) {
            codes[i] = mce_input_code(mce_get_float(text + 4 * i), model->input_scale, model->input_zero);
        } else if (model->map != NULL) {
            codes[i] = model->map[text[i]];
        }
    }
    device->converted = 1;
    return codes;
}

static int infer_once(mce_device *device, const uint8_t *input)
{
    const mce_app_model *const model = device->model;
    (void)mce_port_cycles(); /* for a port whose counter must be read before it wraps twice */
    return model->run(model->arena, input, model->arena + model->output_offset) == MCE_OK;
}

static void infer(mce_device *device, char *arguments)
{
    const mce_app_model *const model = device->model;
    const char *const times_text = next_word(&arguments), *const warmup_text = next_word(&arguments);
    const uint32_t times = times_text == NULL ? 1 : mce_integer(times_text);
    const uint32_t warmup = warmup_text == NULL ? WARMUP : mce_integer(warmup_text);
    const int once = model->text_buffer == model->arena + model->input_offset;
    if (times == 0 || (warmup_text != NULL && warmup == 0 && !is_word(warmup_text, "0"))) {
        mce_say("e-[Inferences must be above 0, warmups a number]\r\n");
        return;
    }
    if (device->loaded != model->text_bytes) {
        say_line("e-[Load ", model->text_bytes, " bytes first]");
        return;
    }
    if (once && (uint64_t)times + warmup > 1) {
        mce_say("e-[No room to keep the input: load it before each inference, and say 'infer 1 0']\r\n");
        return;
    }
    device->run.state = 0; /* its output will be gone */
    const uint8_t *const input = convert(device);
    int runs = 1;
    say_line("m-warmup-start-", warmup, "");
    for (uint32_t i = 0; i < warmup && runs; i++) {
        runs = infer_once(device, input);
    }
    mce_say("m-warmup-done\r\n");
    say_line("m-infer-start-", times, "");
    say_time(model);
    for (uint32_t i = 0; i < times && runs; i++) {
        runs = infer_once(device, input);
    }
    say_time(model);
    if (once) {
        device->loaded = device->loading = device->converted = 0;
    }
    if (!runs) {
        mce_say("e-[The model refused to run]\r\n");
        return;
    }
    mce_say("m-infer-done\r\n");
    mce_say_results(model);
}

static void help(void)
{
    mce_say("name            the name of this device\r\n"
            "profile         the benchmark and the model\r\n"
            "timestamp       microseconds since reset\r\n"
            "db load N       expect N bytes of input\r\n"
            "db HH[HH]*      the next bytes, in hex\r\n"
            "db print        the input buffer, in hex\r\n"
            "infer N [W=10]  N inferences after W to warm up\r\n"
            "results         the last output as real numbers\r\n"
            "help            this\r\n");
}

void mce_text_command(mce_device *device)
{
    const mce_app_model *const model = device->model;
    char *rest = device->link.text;
    const char *const word = next_word(&rest);
    if (word == NULL) {
        mce_say("e-[Unknown command: ]\r\n");
    } else if (is_word(word, "name")) {
        mce_say("m-name-dut-[");
        mce_say(model->vendor);
        mce_say("]\r\n");
    } else if (is_word(word, "profile")) {
        mce_say("m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[");
        mce_say(model->profile);
        mce_say("]\r\n");
    } else if (is_word(word, "timestamp")) {
        say_time(model);
    } else if (is_word(word, "db")) {
        db(device, rest);
    } else if (is_word(word, "infer")) {
        infer(device, rest);
    } else if (is_word(word, "results")) {
        mce_say_results(model);
    } else if (is_word(word, "help")) {
        help();
    } else {
        mce_say("e-[Unknown command: ");
        mce_say(word);
        mce_say("]\r\n");
    }
    mce_say("m-ready\r\n");
}
