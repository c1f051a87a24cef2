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

#include "say.h"
#include "sys.h"
#include "unwind/unwind.h"

#define ENVIRONMENT_ROOM (4u << 20)

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

static void read_mode(const struct environment *e, struct rsd_config *config) {
    const char *mode = look_up(e, "RESIDUE_MODE");
    if (!mode || strcmp(mode, "survivors") == 0)
        return;
    config->survivors = strcmp(mode, "full") != 0;
    if (config->survivors)
        rsd_say("RESIDUE_MODE=%.40s is neither survivors nor full: using survivors", mode);
}

static void read_javascript(const struct environment *e, struct rsd_config *config) {
    const char *js = look_up(e, "RESIDUE_JS");
    if (!js || strcmp(js, "auto") == 0)
        return;
    config->javascript = strcmp(js, "off") != 0;
    if (config->javascript)
        rsd_say("RESIDUE_JS=%.40s is neither auto nor off: using auto", js);
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
    *config =
        (struct rsd_config){.out = "residue.%p", .depth = RSD_DEPTH_DEFAULT, .survivors = true, .javascript = true};
    struct environment e = open_environment();
    read_text(&e, "RESIDUE_OUT", config->out, sizeof config->out);
    read_text(&e, "RESIDUE_ONLY", config->only, sizeof config->only);
    read_number(&e, "RESIDUE_FOLLOW", 0, 1, &follow);
    config->follow = follow;
    read_number(&e, "RESIDUE_DEPTH", 1, RSD_DEPTH_MAX, &config->depth);
    read_mode(&e, config);
    read_javascript(&e, config);
    close_environment(&e);
}
