/* Byte strings as small numbers: equal strings, equal numbers. */
#ifndef RSD_INTERN_H
#define RSD_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct rsd_interned {
    char *bytes; /* with a zero behind */
    size_t size;
    uint64_t hash;
};

struct rsd_intern {
    struct rsd_interned *list; /* by number, from 0 */
    size_t count, capacity;
    uint32_t *slots; /* number + 1, 0 free */
    size_t slot_count;
};

uint32_t rsd_intern(struct rsd_intern *table, const void *bytes, size_t size);
void rsd_intern_free(struct rsd_intern *table);

#endif
