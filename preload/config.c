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

/* What is switched on unless the variable says off. */
static bool read_switch(const struct environment *e, const char *name, const char *on) {
    const char *text = look_up(e, name);
    if (text && strcmp(text, "off") == 0)
        return false;
    if (text && strcmp(text, on) != 0)
        rsd_say("%s=%.40s is neither %s nor off: using %s", name, text, on, on);
    return true;
}

/* "90%", or a size: "1500M", "1.5GiB"; units are binary. */
static void read_snapshot(const struct environment *e, struct rsd_config *config) {
    static const char units[] = "KMGT";
    const char *text = look_up(e, "RESIDUE_SNAPSHOT_AT");
    if (!text || !*text)
        return;
    char *end;
    double value = *text >= '0' && *text <= '9' ? strtod(text, &end) : 0;
    if (value >= 1 && value <= 100 && strcmp(end, "%") == 0) {
        config->snapshot_percent = (uint32_t)value;
        return;
    }
    const char *unit = value > 0 && *end ? strchr(units, *end) : NULL;
    const char *rest = unit ? end + 1 : end;
    for (; unit && unit >= units; unit--)
        value *= 1024;
    if (value >= 1 && value < 1e15 && (!*rest || strcmp(rest, "B") == 0 || strcmp(rest, "iB") == 0))
        config->snapshot_bytes = (uint64_t)value;
    else
        rsd_say("RESIDUE_SNAPSHOT_AT=%.40s is neither a percentage such as 90%% nor a size such as 1.5GiB: ignored",
                text);
}

void rsd_config_read(struct rsd_config *config) {
    *config = (struct rsd_config){.out = "residue.%p", .depth = RSD_DEPTH_DEFAULT, .survivors = true};
    struct environment e = open_environment();
    const char *out = look_up(&e, "RESIDUE_OUT");
    if (out && strlen(out) >= sizeof config->out)
        rsd_say("RESIDUE_OUT is longer than %zu bytes: using %s", sizeof config->out - 1, config->out);
    else if (out && *out)
        snprintf(config->out, sizeof config->out, "%s", out);
    read_number(&e, "RESIDUE_DEPTH", 1, RSD_DEPTH_MAX, &config->depth);
    read_mode(&e, config);
    config->javascript = read_switch(&e, "RESIDUE_JS", "auto");
    config->started = read_switch(&e, "RESIDUE_START", "on");
    read_snapshot(&e, config);
    close_environment(&e);
}
