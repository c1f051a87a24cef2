/*
 * What V8 calls a piece of code in its code map (FORMAT.md 5, CODE).
 *
 *     KIND:TIER NAME FILE:LINE:COLUMN     a function: JS, LazyCompile, Function, Script, Eval; TIER is one of ~ ^ + * or more
 *     KIND:NAME                           V8's own: Builtin, BytecodeHandler, RegExp, Stub, ...
 *
 * Node 18 leaves out the column. The name may be empty, for functions without one; name and file may hold spaces: the file
 * begins where a path or a URL does, else behind the last space. Tiers are left out: a function is the same in all of them.
 */
#include "names/codename.h"

#include <string.h>

#define TIERS "~^+*'o" /* interpreted, baseline, Maglev, TurboFan; variants of these */

static const char top_level[] = "(top level)"; /* as the recorder calls it, where it reads V8's objects */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Cut ":123" off the end; 0 if there is none. */
static uint32_t cut_number(struct rsd_slice *text) {
    size_t at = text->size;
    uint64_t value = 0, power = 1;
    for (; at > 0 && is_digit(text->bytes[at - 1]) && power < 10000000000u; at--, power *= 10)
        value += (uint64_t)(text->bytes[at - 1] - '0') * power;
    if (at == text->size || at == 0 || text->bytes[at - 1] != ':' || value > UINT32_MAX)
        return 0;
    text->size = at - 1;
    return (uint32_t)value;
}

static bool begins(struct rsd_slice text, const char *with) {
    size_t size = strlen(with);
    return text.size >= size && memcmp(text.bytes, with, size) == 0;
}

static struct rsd_slice behind(struct rsd_slice text, size_t size) {
    return (struct rsd_slice){text.bytes + size, text.size - size};
}

/* Where the space before the file is. */
static size_t find_file(struct rsd_slice text) {
    static const char *const beginning[] = {" /", " file://", " node:", " evalmachine.", " data:", " http"};
    size_t last = text.size;
    for (size_t at = 0; at < text.size; at++) {
        if (text.bytes[at] != ' ')
            continue;
        last = at;
        for (size_t i = 0; i < sizeof beginning / sizeof *beginning; i++)
            if (begins(behind(text, at), beginning[i]))
                return at;
    }
    return last;
}

static struct rsd_codename function(struct rsd_slice text) {
    struct rsd_codename code = {.entry = text.size && *text.bytes == '~'};
    size_t tier = 0;
    while (tier < text.size && strchr(TIERS, text.bytes[tier]) && (tier == 0 || text.bytes[tier] != 'o'))
        tier++;
    text = behind(text, tier);
    uint32_t last = cut_number(&text), before = cut_number(&text);
    code.line = before ? before : last;
    code.column = before ? last : 0;
    size_t space = find_file(text);
    code.name = (struct rsd_slice){text.bytes, space};
    if (space < text.size)
        code.file = behind(text, space + 1);
    if (!space && code.file.size && code.line == 1 && code.column == 1)
        code.name = (struct rsd_slice){top_level, strlen(top_level)};
    return code;
}

struct rsd_codename rsd_codename_parse(struct rsd_slice text) {
    static const char *const kind[] = {"JS:", "LazyCompile:", "Function:", "Script:", "Eval:", "Callback:"};
    for (size_t i = 0; i < sizeof kind / sizeof *kind; i++)
        if (begins(text, kind[i]))
            return function(behind(text, strlen(kind[i])));
    if (begins(text, "Builtin:"))
        text = behind(text, strlen("Builtin:"));
    return (struct rsd_codename){.name = text, .builtin = true};
}
