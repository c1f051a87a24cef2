/*
 * What lasts.
 *
 * A collector frees in lumps what its program dropped long before, and so the curve of what JavaScript allocates has teeth:
 * its lowest levels tell what is held, but only if there are several teeth to each of them. Where there is about one, they
 * show where in its tooth each was taken, and may rise for a minute on end though nothing is held. The age of the blocks
 * tells more. What died younger than an eighth of the window is garbage, whenever it was freed, and is left out: with
 *
 *     level(t)    what is outstanding
 *     garbage(t)  what of it died young
 *     lasting(t)  what of it did not: it died at a greater age, or was old at the end of the window
 *
 *     lasting = level - garbage
 *
 * What is young at the end is neither yet. As much of it counts as came to last in the eighth of the window before, or what it is more
 * than twice the most garbage that there ever was: the last tooth may be higher than those before. Of a call site that makes no
 * garbage all of it counts.
 *
 * A block costs nothing here unless it lived for so long, and one that did a walk of two steps. Sites of which none did have
 * no entry.
 */
#include "lasting.h"

#include <math.h>
#include <string.h>

#include "memory.h"

#define TOOTH 2.0                                    /* times the most garbage: what may be garbage, too */
#define YOUNG_FROM (RSD_SLICES - RSD_LASTING_SLICES) /* what was made later may last, or not */

void rsd_lasting_open(struct rsd_lasting *lasting, uint64_t from, uint64_t to) {
    uint64_t length = to > from ? to - from : 0;
    uint64_t age = length / RSD_SLICES * RSD_LASTING_SLICES;
    *lasting = (struct rsd_lasting){.from = from, .length = length, .age = age ? age : UINT64_MAX};
}

void rsd_lasting_close(struct rsd_lasting *lasting) {
    free(lasting->list);
    free(lasting->of_site);
    *lasting = (struct rsd_lasting){0};
}

/* The slice in which an instant lies; 0: before the window. */
static int slice_of(const struct rsd_lasting *lasting, uint64_t time) {
    if (time <= lasting->from || !lasting->length)
        return 0;
    double slice = ceil((double)(time - lasting->from) / (double)lasting->length * RSD_SLICES);
    return slice < RSD_SLICES ? (int)slice : RSD_SLICES;
}

static struct rsd_lasted *lasted_of(struct rsd_lasting *lasting, uint32_t site) {
    if (site >= lasting->site_count) {
        size_t count = 2 * (size_t)site + 64;
        lasting->of_site = rsd_realloc(lasting->of_site, count * sizeof *lasting->of_site);
        memset(lasting->of_site + lasting->site_count, 0, (count - lasting->site_count) * sizeof *lasting->of_site);
        lasting->site_count = count;
    }
    if (!lasting->of_site[site]) {
        RSD_ROOM(lasting->list, lasting->count, lasting->capacity);
        lasting->list[lasting->count++] = (struct rsd_lasted){0};
        lasting->of_site[site] = (uint32_t)lasting->count;
    }
    return &lasting->list[lasting->of_site[site] - 1];
}

void rsd_lasting_died(struct rsd_lasting *lasting, uint32_t site, double bytes, uint64_t born, uint64_t died) {
    if (died <= lasting->from)
        return;
    struct rsd_lasted *lasted = lasted_of(lasting, site);
    lasted->change[slice_of(lasting, born)] += bytes;
    lasted->change[slice_of(lasting, died)] -= bytes;
}

void rsd_lasting_stayed(struct rsd_lasting *lasting, uint32_t site, double bytes, uint64_t born) {
    int slice = slice_of(lasting, born);
    struct rsd_lasted *lasted = lasted_of(lasting, site);
    if (slice > YOUNG_FROM)
        lasted->young[slice - YOUNG_FROM - 1] += bytes;
    else
        lasted->change[slice] += bytes;
    if (slice > 0 && slice <= RSD_SLICES * 3 / 4)
        lasted->kept += bytes;
}

static void add_lasted(struct rsd_lasted *to, const struct rsd_lasted *from) {
    for (int i = 0; i < RSD_LEVELS; i++)
        to->change[i] += from->change[i];
    for (int i = 0; i < RSD_LASTING_SLICES; i++)
        to->young[i] += from->young[i];
    to->kept += from->kept;
}

/* Which share of what is young at the end will last. */
static double share_that_lasts(const struct rsd_lasted *lasted, const double *level, const double *lasting) {
    double before = lasting[YOUNG_FROM] - lasting[YOUNG_FROM - RSD_LASTING_SLICES], young = 0, garbage = 0;
    for (int i = 0; i <= YOUNG_FROM; i++)
        garbage = fmax(garbage, level[i] - lasting[i]);
    for (int i = 0; i < RSD_LASTING_SLICES; i++)
        young += lasted->young[i];
    return young > 0 ? fmax(fmin(1, fmax(0, before) / young), 1 - TOOTH * garbage / young) : 0;
}

static void to_levels(const struct rsd_lasted *lasted, const double *level, double *lasting) {
    double sum = 0, young = 0;
    for (int i = 0; i < RSD_LEVELS; i++)
        lasting[i] = sum += lasted->change[i];
    double share = share_that_lasts(lasted, level, lasting);
    for (int i = 0; i < RSD_LASTING_SLICES; i++)
        lasting[YOUNG_FROM + 1 + i] += share * (young += lasted->young[i]);
}

struct rsd_lasts *rsd_lasting_rows(const struct rsd_lasting *lasting, const uint32_t *row, size_t sites,
                                   double (*level)[RSD_LEVELS], size_t rows) {
    struct rsd_lasts *lasts = rsd_zalloc(rows, sizeof *lasts);
    struct rsd_lasted *sum = rsd_zalloc(rows, sizeof *sum);
    for (size_t i = 0; i < lasting->site_count && i < sites; i++)
        if (lasting->of_site[i] && row[i] < rows)
            add_lasted(&sum[row[i]], &lasting->list[lasting->of_site[i] - 1]);
    for (size_t i = 0; i < rows; i++) {
        to_levels(&sum[i], level[i], lasts[i].level);
        lasts[i].kept = sum[i].kept;
    }
    free(sum);
    return lasts;
}
