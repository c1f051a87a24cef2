/*
 * Reading the options.
 *
 * The first allocation may come before libc has set `environ`, so the variables are looked up in /proc/self/environ,
 * and in `environ` where /proc is not mounted. Values are copied: the program may change its environment later, and
 * does not see that we looked.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "residue/size.h"
#include "say.h"
#include "sys.h"
#include "unwind/unwind.h"

#define ENVIRONMENT_ROOM (4u << 20)
#define MOST_SAMPLED (1u << 30) /* bytes from sample to sample */
#define LEAST_SIZE (4u << 20)

const char *const rsd_javascript_name[4] = {"off", "auto", "frames", "map"};

struct environment {
    char *text; /* NAME=value, each zero-terminated; NULL: use environ */
    size_t size;
};

static struct environment open_environment(void) {
    struct environment e = {rsd_sys_memory(ENVIRONMENT_ROOM), 0};
    long got = e.text ? rsd_sys_slurp("/proc/self/environ", e.text, ENVIRONMENT_ROOM) : -1;
    if (got > 0) {
        e.size = (size_t)got;
        return e;
    }
    if (e.text)
        rsd_sys_unmap(e.text, ENVIRONMENT_ROOM);
    return (struct environment){NULL, 0};
}

static void close_environment(struct environment *e) {
    if (e->text)
        rsd_sys_unmap(e->text, ENVIRONMENT_ROOM);
}

static const char *value_in(const char *entry, const char *name) {
    size_t length = strlen(name);
    return strncmp(entry, name, length) == 0 && entry[length] == '=' ? entry + length + 1 : NULL;
}

static const char *look_up(const struct environment *e, const char *name) {
    const char *value = NULL;
    if (!e->text) {
        for (char **entry = environ; entry && *entry && !value; entry++)
            value = value_in(*entry, name);
        return value;
    }
    for (size_t at = 0; at < e->size && !value; at += strlen(e->text + at) + 1)
        value = value_in(e->text + at, name);
    return value;
}

static void read_number(const struct environment *e, const char *name, uint32_t low, uint32_t high, uint32_t *out) {
    const char *text = look_up(e, name);
    if (!text)
        return;
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < low || value > high)
        rsd_say("%s=%.40s is not a number from %u to %u: using %u", name, text, low, high, *out);
    else
        *out = (uint32_t)value;
}

/* False: it is no size from `low` to `high`. */
static bool parse_size(const char *text, uint64_t low, uint64_t high, uint64_t *out) {
    return residue_parse_size(text, out) && *out >= low && *out <= high;
}

static void read_mode(const struct environment *e, struct rsd_config *config) {
    static const char sample[] = "sample=";
    const char *mode = look_up(e, "RESIDUE_MODE");
    if (!mode || strcmp(mode, "survivors") == 0)
        return;
    config->survivors = false;
    if (strcmp(mode, "full") == 0 || (strncmp(mode, sample, sizeof sample - 1) == 0 &&
                                      parse_size(mode + sizeof sample - 1, 1, (uint64_t)MOST_SAMPLED, &config->sample)))
        return;
    config->survivors = true;
    config->sample = 0;
    rsd_say("RESIDUE_MODE=%.40s is none of survivors, full and sample=BYTES (such as 512KiB, 1GiB at most): using "
            "survivors",
            mode);
}

static void read_max_size(const struct environment *e, struct rsd_config *config) {
    const char *size = look_up(e, "RESIDUE_MAX_SIZE");
    if (!size || parse_size(size, LEAST_SIZE, UINT64_MAX >> 8, &config->max_size))
        return;
    config->max_size = 0;
    rsd_say("RESIDUE_MAX_SIZE=%.40s is not a size of 4 MiB or more, such as 2GiB: using no limit", size);
}

void rsd_config_mode(const struct rsd_config *config, char *out, size_t size) {
    if (config->sample)
        snprintf(out, size, "sample=%llu", (unsigned long long)config->sample);
    else
        snprintf(out, size, "%s", config->survivors ? "survivors" : "full");
}

static void read_javascript(const struct environment *e, struct rsd_config *config) {
    const char *js = look_up(e, "RESIDUE_JS");
    for (unsigned i = 0; js && i < sizeof rsd_javascript_name / sizeof *rsd_javascript_name; i++)
        if (strcmp(js, rsd_javascript_name[i]) == 0) {
            config->javascript = (enum rsd_javascript)i;
            return;
        }
    if (js)
        rsd_say("RESIDUE_JS=%.40s is none of auto, frames, map, off: using auto", js);
}

/* What is switched on unless the variable says off. */
static bool read_switch(const struct environment *e, const char *name, const char *on) {
    const char *text = look_up(e, name);
    if (text && strcmp(text, "off") == 0)
        return false;
    if (text && strcmp(text, on) != 0)
        rsd_say("%s=%.40s is neither %s nor off: using %s", name, text, on, on);
    return true;
}

/* "90%", or a size: "1500M", "1.5GiB". */
static void read_snapshot(const struct environment *e, struct rsd_config *config) {
    const char *text = look_up(e, "RESIDUE_SNAPSHOT_AT");
    if (!text || !*text)
        return;
    char *end;
    double value = *text >= '0' && *text <= '9' ? strtod(text, &end) : 0;
    if (value >= 1 && value <= 100 && strcmp(end, "%") == 0) {
        config->snapshot_percent = (uint32_t)value;
        return;
    }
    if (parse_size(text, 1, UINT64_MAX >> 8, &config->snapshot_bytes))
        return;
    config->snapshot_bytes = 0;
    rsd_say("RESIDUE_SNAPSHOT_AT=%.40s is neither a percentage such as 90%% nor a size such as 1.5GiB: ignored", text);
}

/* An empty value is none. */
static void read_text(const struct environment *e, const char *name, char *out, size_t size) {
    const char *text = look_up(e, name);
    if (text && strlen(text) >= size)
        rsd_say("%s is longer than %zu bytes: using %s", name, size - 1, *out ? out : "none");
    else if (text && *text)
        snprintf(out, size, "%s", text);
}

void rsd_config_read(struct rsd_config *config) {
    uint32_t follow = 1;
    *config = (struct rsd_config){
        .out = "residue.%p", .depth = RSD_DEPTH_DEFAULT, .survivors = true, .javascript = RSD_JAVASCRIPT_AUTO};
    struct environment e = open_environment();
    read_text(&e, "RESIDUE_OUT", config->out, sizeof config->out);
    read_text(&e, "RESIDUE_ONLY", config->only, sizeof config->only);
    read_number(&e, "RESIDUE_FOLLOW", 0, 1, &follow);
    config->follow = follow;
    read_number(&e, "RESIDUE_DEPTH", 1, RSD_DEPTH_MAX, &config->depth);
    read_mode(&e, config);
    read_max_size(&e, config);
    read_javascript(&e, config);
    config->started = read_switch(&e, "RESIDUE_START", "on");
    read_snapshot(&e, config);
    close_environment(&e);
}
