/*
 * The ELF object that an address of code belongs to.
 */
#ifndef RSD_OBJECT_H
#define RSD_OBJECT_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct rsd_object {
    uintptr_t start; /* mapped from here ... */
    uintptr_t end;   /* ... to here */
    uintptr_t bias;
    const uint8_t *eh_frame_hdr; /* NULL: none */
    const ElfW(Dyn) * dynamic;   /* NULL: none */
};

bool rsd_object_find(uintptr_t pc, struct rsd_object *object);

/* As above, but by the ELF headers in memory instead of the dynamic loader's table. */
bool rsd_object_find_in_maps(uintptr_t pc, struct rsd_object *object);

/* The name of the symbol that the GOT slot at `slot` is for, or NULL. */
const char *rsd_object_import(const struct rsd_object *object, uintptr_t slot);

#endif
