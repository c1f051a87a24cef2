/* Memory that is there or the program ends: the analyzer has nothing useful to do without it. */
#ifndef RSD_MEMORY_H
#define RSD_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

void *rsd_alloc(size_t size);                /* uninitialised */
void *rsd_zalloc(size_t count, size_t size); /* zeroed */
void *rsd_realloc(void *old, size_t size);
/* A zeroed table that is looked into at random: a large one lies in huge pages, where the system has some, for every look
 * into it would miss the TLB. Freed with the same numbers. */
void *rsd_table(size_t count, size_t size);
void rsd_table_free(void *table, size_t count, size_t size);
char *rsd_strndup(const char *text, size_t size);
char *rsd_strdup(const char *text);
char *rsd_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

void rsd_no_memory(void) __attribute__((noreturn));

/* Make room for one more element in a growing array: (pointer, count, capacity), the capacity doubles. */
#define RSD_ROOM(array, count, capacity) ((array) = rsd_room((array), (count), &(capacity), sizeof *(array)))
void *rsd_room(void *array, size_t count, size_t *capacity, size_t element);

/* Mix the bits of a key for a hash table (the finalizer of MurmurHash3, by its published constants). */
static inline unsigned long rsd_mix(unsigned long key) {
    key ^= key >> 33;
    key *= 0xff51afd7ed558ccdUL;
    key ^= key >> 33;
    key *= 0xc4ceb9fe1a85ec53UL;
    return key ^ key >> 33;
}

#endif
