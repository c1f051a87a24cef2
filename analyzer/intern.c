/*
 * A table of byte strings: open addressing, never shrinking, at most half full. Numbers are given in the order of first
 * appearance, so they can index arrays beside the table.
 */
#include "intern.h"

#include <string.h>

#include "memory.h"
#include "residue/format.h"

static void place(struct rsd_intern *table, uint32_t number) {
    size_t slot = table->list[number].hash & (table->slot_count - 1);
    while (table->slots[slot])
        slot = (slot + 1) & (table->slot_count - 1);
    table->slots[slot] = number + 1;
}

static void grow(struct rsd_intern *table) {
    table->slot_count = table->slot_count ? table->slot_count * 2 : 64;
    free(table->slots);
    table->slots = rsd_zalloc(table->slot_count, sizeof *table->slots);
    for (size_t i = 0; i < table->count; i++)
        place(table, (uint32_t)i);
}

uint32_t rsd_intern(struct rsd_intern *table, const void *bytes, size_t size) {
    if (table->count * 2 >= table->slot_count)
        grow(table);
    uint64_t hash = rsd_mix(residue_fnv1a(bytes, size));
    for (size_t slot = hash & (table->slot_count - 1); table->slots[slot];
         slot = (slot + 1) & (table->slot_count - 1)) {
        struct rsd_interned *known = &table->list[table->slots[slot] - 1];
        if (known->hash == hash && known->size == size && memcmp(known->bytes, bytes, size) == 0)
            return table->slots[slot] - 1;
    }
    RSD_ROOM(table->list, table->count, table->capacity);
    char *copy = rsd_zalloc(size + 1, 1);
    memcpy(copy, bytes, size);
    table->list[table->count] = (struct rsd_interned){copy, size, hash};
    place(table, (uint32_t)table->count);
    return (uint32_t)table->count++;
}

void rsd_intern_free(struct rsd_intern *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->list[i].bytes);
    free(table->list);
    free(table->slots);
    *table = (struct rsd_intern){0};
}
