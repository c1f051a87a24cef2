/*
 * Text for people.
 *
 * A trace holds strings that a stranger chose: paths, thread names, JavaScript function names, argv. They go to a
 * terminal, into JSON and into pages, so each way out has one function here and none prints a string from a trace in
 * another way. For a terminal a byte is shown as \xNN when it is not part of valid UTF-8 or belongs to a character
 * that changes how the rest is shown: C0 and C1 controls, DEL, and the bidirectional controls that make text read
 * other than it is. The backslash itself is left alone: the text is for reading, not for parsing back.
 *
 * Sizes are in binary units with one decimal (one base for everything, also for RSS), counts with a comma at each
 * third digit.
 */
#include "text.h"

#include <inttypes.h>
#include <string.h>

#include "memory.h"

struct rsd_short rsd_count(uint64_t number) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    struct rsd_short s = {""};
    size_t n = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            s.text[n++] = ',';
        s.text[n++] = digits[i];
    }
    return s;
}

struct rsd_short rsd_counted(uint64_t number, const char *word) {
    struct rsd_short text;
    snprintf(text.text, sizeof text.text, "%.30s %.14s%s", rsd_count(number).text, word, number == 1 ? "" : "s");
    return text;
}

struct rsd_short rsd_bytes(uint64_t bytes) {
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct rsd_short s;
    if (bytes < 1024) {
        snprintf(s.text, sizeof s.text, "%u B", (unsigned)bytes);
        return s;
    }
    double value = (double)bytes;
    size_t i = 0;
    while (value >= 1023.95 && i + 1 < sizeof unit / sizeof *unit) {
        value /= 1024;
        i++;
    }
    snprintf(s.text, sizeof s.text, "%.1f %s", value, unit[i]);
    return s;
}

struct rsd_short rsd_change(int64_t bytes) {
    struct rsd_short s;
    uint64_t magnitude = bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes;
    struct rsd_short size = rsd_bytes(magnitude);
    snprintf(s.text, sizeof s.text, "%s%.40s", bytes < 0 ? "-" : bytes ? "+" : "", size.text);
    return s;
}

struct rsd_short rsd_seconds(double seconds) {
    struct rsd_short s;
    double size = seconds < 0 ? -seconds : seconds;
    long whole = size < 1e15 ? (long)size : 0;
    if (!(size < 1e15))
        snprintf(s.text, sizeof s.text, "?");
    else if (size != 0 && size < 0.0995)
        snprintf(s.text, sizeof s.text, "%.1f ms", seconds * 1e3);
    else if (size < 120)
        snprintf(s.text, sizeof s.text, "%.1f s", seconds);
    else if (size < 7200)
        snprintf(s.text, sizeof s.text, "%s%ld min %ld s", seconds < 0 ? "-" : "", whole / 60, whole % 60);
    else
        snprintf(s.text, sizeof s.text, "%s%ld h %ld min", seconds < 0 ? "-" : "", whole / 3600, whole / 60 % 60);
    return s;
}

struct rsd_short rsd_percent(double part, double whole) {
    struct rsd_short s;
    if (whole == 0)
        snprintf(s.text, sizeof s.text, "-");
    else
        snprintf(s.text, sizeof s.text, "%.1f %%", 100 * part / whole);
    return s;
}

/* The character of a sequence of `size` bytes, or -1 when a byte is no continuation or the form is overlong. */
static int32_t decode(const unsigned char *byte, size_t size) {
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int32_t character = size == 1 ? byte[0] : byte[0] & (0x7f >> size);
    for (size_t i = 1; i < size; i++) {
        if ((byte[i] & 0xc0) != 0x80)
            return -1;
        character = character << 6 | (byte[i] & 0x3f);
    }
    bool surrogate = character >= 0xd800 && character < 0xe000;
    return character < least[size] || character > 0x10ffff || surrogate ? -1 : character;
}

static int32_t character_at(const char *text, size_t size, size_t *length) {
    unsigned char first = (unsigned char)text[0];
    *length = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    if (!*length || *length > size)
        return -1;
    return decode((const unsigned char *)text, *length);
}

static bool steers(int32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

size_t rsd_printable(const char *text, size_t size) {
    size_t length;
    int32_t character = character_at(text, size, &length);
    return character < 0 || steers(character) ? 0 : length;
}

static size_t valid(const char *text, size_t size) {
    size_t length;
    return character_at(text, size, &length) <= 0 ? 0 : length;
}

static char *escape(const char *text, size_t size, size_t (*keeps)(const char *, size_t)) {
    char *result = rsd_alloc(size * 4 + 1), *to = result;
    for (size_t i = 0; i < size;) {
        size_t length = keeps(text + i, size - i);
        if (length) {
            memcpy(to, text + i, length);
            to += length;
            i += length;
        } else {
            to += sprintf(to, "\\x%02x", (unsigned char)text[i++]);
        }
    }
    *to = 0;
    return result;
}

char *rsd_escape(const char *text, size_t size) {
    return escape(text, size, rsd_printable);
}

char *rsd_escape_string(const char *text) {
    return rsd_escape(text, strlen(text));
}

char *rsd_utf8(const char *text, size_t size) {
    return escape(text, size, valid);
}

void rsd_print_escaped(FILE *out, const char *text, size_t size) {
    char *escaped = rsd_escape(text, size);
    fputs(escaped, out);
    free(escaped);
}
